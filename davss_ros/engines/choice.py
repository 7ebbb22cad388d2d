"""Which engines compute a model: the one asked for, and torch where that cannot."""

import logging
from pathlib import Path

import torch

from davss_ros.engines.cache import Cache, default_folder
from davss_ros.engines.engine import Engine
from davss_ros.engines.registry import AUTO, check_engine, make_engine
from davss_ros.engines.torch_engine import TorchEngine
from davss_ros.errors import ConfigError, EngineError

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


def choose_file_engines(name: str, device: torch.device, precision: torch.dtype, file: Path) -> list[Engine]:
    """Return the engines to be tried for a network that is an ONNX file or OpenVINO's own, the best first.

    Raises:
        ConfigError: no engine of that name, or none that reads such files.
    """
    check_engine(name)
    readers = ['openvino', 'onnxruntime'] if device.type == 'cpu' else ['onnxruntime', 'openvino']
    if file.suffix.lower() == '.xml':
        readers = ['openvino']
    if name == TorchEngine.name:
        raise ConfigError(f'engine: torch does not read {file}; set engine to auto or {" or ".join(readers)}')
    names = readers if name == AUTO else [name, *(reader for reader in readers if reader != name.partition(':')[0])]
    engines, reasons = [], []
    for each in names:
        try:
            engines.append(make_engine(each, device, precision, Cache(default_folder())))
        except EngineError as error:
            reasons.append(str(error))
    if not engines:
        raise ConfigError(f'engine: expected {" or ".join(readers)}, which read {file}: {"; ".join(reasons)}')
    if reasons and name not in (AUTO, engines[0].name):
        log.warning('engine: %s; %s computes', reasons[0], engines[0].name)
    return engines
