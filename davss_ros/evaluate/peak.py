# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What this machine can do at most, measured: a matrix product, and a copy of memory. And what a stage has to do."""

import time
from typing import NamedTuple

import torch

from davss_ros.core.timing import wait_for

SIDE = 1024  # of the matrices
COPIED = 2**26  # bytes, more than a cache holds
ROUNDS = 7


class Peak(NamedTuple):
    """Best of some rounds."""

    multiply_adds: float  # a second, of a matrix product in the precision of the networks
    bytes: float  # a second, read and written by a copy


def measured_peak(device: torch.device, precision: torch.dtype) -> Peak:
    """Measure, in less than a second on most machines."""
    left, right = (torch.rand(SIDE, SIDE, device=device).to(precision) for _ in range(2))
    source = torch.zeros(COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    product: list[float] = []
    copy: list[float] = []
    for _ in range(ROUNDS):
        for times, work in ((product, lambda: left @ right), (copy, lambda: target.copy_(source))):
            wait_for(device)
            start = time.perf_counter()
            work()
            wait_for(device)
            times.append(time.perf_counter() - start)
    return Peak(SIDE**3 / min(product), 2 * COPIED / min(copy))


def least_bytes(height: int, width: int, classes: int) -> dict[str, int]:
    """Return what the stages without a network must read and write at least, on a frame of that working size, bytes.

    ``prepare`` reads the frame and writes it as float32; ``propagation`` reads scores, image and flow at 1/4 size and
    writes scores and image; ``labels`` reads scores and writes a byte for every pixel.
    """
    pixels, places = height * width, height * width // 16
    return {
        'prepare': pixels * 3 * (1 + 4),
        'propagation': places * 4 * (2 * (classes + 3) + 2),
        'labels': places * 4 * classes + pixels,
    }
