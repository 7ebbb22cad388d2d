# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Engines by name; a new one is added here and nowhere else."""

from collections.abc import Callable, Mapping

import torch

from davss_ros.engines.cache import Cache
from davss_ros.engines.engine import Engine
from davss_ros.engines.onnxruntime_engine import OnnxRuntimeEngine
from davss_ros.engines.openvino_engine import OpenVinoEngine
from davss_ros.engines.torch_engine import TorchEngine
from davss_ros.errors import ConfigError

AUTO = 'auto'

_Make = Callable[[str, torch.device, torch.dtype, Cache], Engine]  # what follows the colon, torch's device, precision

ENGINES: Mapping[str, _Make] = {
    'torch': lambda part, device, precision, cache: TorchEngine(device, precision),
    'openvino': lambda part, device, precision, cache: OpenVinoEngine(part or 'CPU', precision, cache),
    'onnxruntime': lambda part, device, precision, cache: OnnxRuntimeEngine(part, precision, cache),
}


def check_engine(name: str) -> None:
    """Raise `ConfigError` unless ``name`` is ``auto`` or begins, up to a colon, with a key of `ENGINES`."""
    if name != AUTO and name.partition(':')[0] not in ENGINES:
        raise ConfigError(
            f'engine: expected auto, {", ".join(ENGINES)} (openvino:GPU: its device of that name), found {name!r}'
        )


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
    if kind not in ENGINES:
        check_engine(kind)
    return ENGINES[kind](part, device, precision, cache)
