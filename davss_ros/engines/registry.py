# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Engines by name; a new one is added here and nowhere else, or by another package.

Entry points of the group ``davss_ros.engines`` are called as those of `ENGINES` are: with what follows the colon in the
engine's name, torch's device, the precision and the cache; what they return keeps to `davss_ros.engines.engine.Engine`.
"""

import functools
from collections.abc import Callable, Mapping

import torch

from davss_ros.engines.cache import Cache
from davss_ros.engines.engine import Engine
from davss_ros.engines.onnxruntime_engine import OnnxRuntimeEngine
from davss_ros.engines.openvino_engine import OpenVinoEngine
from davss_ros.engines.torch_engine import TorchEngine
from davss_ros.errors import ConfigError, EngineError
from davss_ros.networks.plugins import Plugin, loaded

AUTO = 'auto'
GROUP = 'davss_ros.engines'  # of entry points

_Make = Callable[[str, torch.device, torch.dtype, Cache], Engine]  # what follows the colon, torch's device, precision

ENGINES: Mapping[str, _Make] = {
    'torch': lambda part, device, precision, cache: TorchEngine(device, precision),
    'openvino': lambda part, device, precision, cache: OpenVinoEngine(part or 'CPU', precision, cache),
    'onnxruntime': lambda part, device, precision, cache: OnnxRuntimeEngine(part, precision, cache),
}


def check_engine(name: str) -> None:
    """Raise `ConfigError` unless ``name`` is ``auto`` or begins, up to a colon, with a key of `ENGINES`."""
    if name != AUTO and name.partition(':')[0] not in known_engines():
        names = ', '.join(known_engines())
        raise ConfigError(f'engine: expected auto, {names} (openvino:GPU: its device of that name), found {name!r}')


def make_engine(name: str, device: torch.device, precision: torch.dtype, cache: Cache) -> Engine:
    """Return the engine of that name.

    Args:
        name: a key of `ENGINES`, perhaps with a device or provider behind a colon.
        device: torch's.
        precision: in which arithmetic.
        cache: where compiled networks are kept.

    Raises:
        ConfigError: no engine of that name.
        EngineError: it is not installed, or has no such device.
    """
    kind, _, part = name.partition(':')
    engines = known_engines()
    if kind not in engines:
        check_engine(kind)
    if kind in ENGINES:
        return engines[kind](part, device, precision, cache)
    try:
        return engines[kind](part, device, precision, cache)
    except Exception as error:  # of somebody else's code
        raise EngineError(f'{kind}: fails to start: {type(error).__name__}: {error}') from error


def known_engines() -> Mapping[str, _Make]:
    """Return this package's engines and those of others."""
    return {**{plugin.name: plugin.target for plugin in engine_plugins() if plugin.target}, **ENGINES}


@functools.cache
def engine_plugins() -> tuple[Plugin, ...]:
    """Return the engines of other packages, loaded once."""
    return loaded(GROUP, lambda name: '' if ':' not in name else 'expected a name without a colon')
