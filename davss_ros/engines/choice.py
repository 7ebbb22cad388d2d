"""Which engines compute a model: the one asked for, and torch where that cannot."""

import logging

import torch

from davss_ros.engines.cache import Cache, default_folder
from davss_ros.engines.engine import Engine
from davss_ros.engines.registry import AUTO, check_engine, make_engine
from davss_ros.engines.torch_engine import TorchEngine
from davss_ros.errors import EngineError

log = logging.getLogger(__name__)


def choose_engines(name: str, device: torch.device, precision: torch.dtype) -> list[Engine]:
    """Return the engines to be tried, the best first, torch last.

    Raises:
        ConfigError: no engine of that name.
    """
    check_engine(name)
    torch_engine = TorchEngine(device, precision)
    if name in (AUTO, torch_engine.name):
        return [torch_engine]
    try:
        return [make_engine(name, device, precision, Cache(default_folder())), torch_engine]
    except EngineError as error:
        log.warning('engine: %s; torch computes', error)
        return [torch_engine]
