# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""How long a key network takes, for a frame and for windows of it."""

import time

import torch
from torch import Tensor

from davss_ros.core.windows import MARGIN, SHAPE
from davss_ros.networks.interface import KeyNetwork
from davss_ros.networks.resample import SCALE

ROUNDS = 5
WINDOWS = 2


def key_ms(key: KeyNetwork, image: Tensor) -> float:
    """Return the ms of a call, the median of several after one that does not count."""
    times = []
    with torch.inference_mode():
        for _ in range(ROUNDS + 1):
            start = time.perf_counter()
            key(image).sum().item()  # which waits for a GPU
            times.append(1000 * (time.perf_counter() - start))
    return sorted(times[1:])[ROUNDS // 2]


def windows_ms(key: KeyNetwork, image: Tensor) -> float:
    """Return the ms for two windows, as the correction takes them, see `davss_ros.core.windows`."""
    height, width = (SCALE * (side + 2 * MARGIN) for side in SHAPE)  # or less, of a small image
    return key_ms(key, image[:, :, :height, :width].repeat(WINDOWS, 1, 1, 1))
