# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Where figures come from: what they were measured with."""

import hashlib
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.engines.device import describe_cpu, describe_device
from davss_ros.engines.engine_network import EngineNetwork
from davss_ros.networks.again import KeyAgain, Mirrored, Smaller
from davss_ros.networks.judge import Judge
from davss_ros.networks.registry import OPTIONAL_ROLES, ROLES
from davss_ros.networks.weights import locate


def provenance(
    model: Model, config: SegmenterConfig, arguments: Sequence[str] | None = None, *, command: str = 'evaluate'
) -> dict[str, Any]:
    """Return settings, checksums of the weights, device, versions, time and command, ready for JSON.

    Args:
        model: the networks.
        config: as the model was loaded with.
        arguments: of the command; by default those of this process.
        command: by which it was measured.
    """
    files = [locate(source.strip())[0] for source in config.weights.split(',')]
    return {
        'command': shlex.join(['python', '-m', 'davss_ros', command, *(arguments or sys.argv[1:])]),
        'date': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'device': describe_device(model.device),
        'cpu': describe_cpu(),
        'engine': model.engines,
        'precision': str(model.precision).removeprefix('torch.'),
        'versions': {
            'python': platform.python_version(),
            'torch': torch.__version__,
            'numpy': np.__version__,
            'opencv': cv2.__version__,
        },
        'weights': {path.name: sha256(path) for path in files},
        'networks': {
            role: _described(network)
            for role in (*ROLES, *OPTIONAL_ROLES)
            if (network := getattr(model, role)) is not None
        },
        'settings': {
            **{name: value for name, value in asdict(config).items() if name not in ('mode', 'key_interval')},
            'propagation': model.propagation,
            'correction_gain': model.correction_gain,
            'correction_share': model.correction_share,
            'correction_interval': model.correction_interval,
            'correction_scale': model.correction_scale,
            'window_worth': model.window_worth,
        },
    }


def _described(network: object) -> str:
    """Return the class of a network, and of one that is made of others, of which."""
    if isinstance(network, EngineNetwork):
        return _described(network.network)
    name = type(network).__name__
    if isinstance(network, Judge):
        return f'{name}({_described(network.distortion)}, {_described(network.gate)})'
    return f'{name}({_described(network.key)})' if isinstance(network, KeyAgain | Mirrored | Smaller) else name


def sha256(path: Path) -> str:
    """Return the checksum of a file as ``sha256sum`` prints it."""
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
