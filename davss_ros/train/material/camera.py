# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What cameras do to a picture: exposure, colour, focus, motion, small sensors, noise and compression.

Each is drawn on its own, at a strength between none and the end of its range, so that most views are disturbed a
little and few by much.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class CameraFaults:
    """Ends of the ranges, and how often each fault is drawn."""

    share: float = 0.4  # of each fault
    exposure: float = 1.2  # stops, over or under
    gamma: float = 0.5  # natural logarithm
    cast: float = 0.15  # largest change of a colour's gain
    defocus: float = 2.0  # standard deviation of the blur, px
    motion: int = 9  # longest smear, px
    shrink: float = 3.0  # how much smaller the sensor was
    noise: float = 16.0  # standard deviation, grey levels
    quality: int = 20  # lowest quality of JPEG


def disturbed(image: Image, rng: Generator, faults: CameraFaults) -> Image:
    """Return (H, W, 3) uint8 as a worse camera would have taken it; where things are does not change."""
    pixels = image
    for fault in (_defocused, _smeared, _shrunk, _exposed, _noisy, _compressed):
        if rng.random() < faults.share:
            pixels = fault(pixels, rng, faults)
    return pixels


def _defocused(image: Image, rng: Generator, faults: CameraFaults) -> Image:
    sigma = rng.uniform(0.3, faults.defocus)
    return cv2.GaussianBlur(image, (0, 0), sigma).astype(np.uint8, copy=False)


def _smeared(image: Image, rng: Generator, faults: CameraFaults) -> Image:
    length = int(rng.integers(1, faults.motion // 2 + 1)) * 2 + 1
    line: NDArray[np.float32] = np.zeros((length, length), np.float32)
    angle, middle = rng.uniform(0, np.pi), length // 2
    reach = middle * np.array([np.cos(angle), np.sin(angle)])
    start, end = np.rint(middle - reach).astype(int), np.rint(middle + reach).astype(int)
    cv2.line(line, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), (1,))
    return cv2.filter2D(image, -1, line / line.sum()).astype(np.uint8, copy=False)


def _shrunk(image: Image, rng: Generator, faults: CameraFaults) -> Image:
    height, width = image.shape[:2]
    by = rng.uniform(1, faults.shrink)
    small = cv2.resize(image, (max(1, round(width / by)), max(1, round(height / by))), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def _exposed(image: Image, rng: Generator, faults: CameraFaults) -> Image:
    gains = 2 ** rng.uniform(-faults.exposure, faults.exposure) * rng.uniform(1 - faults.cast, 1 + faults.cast, 3)
    power = np.exp(rng.uniform(-faults.gamma, faults.gamma))
    levels = np.linspace(0, 1, 256)[:, None] ** power * gains * 255
    table = np.clip(levels, 0, 255).astype(np.uint8)[None]  # (1, 256, 3)
    return cv2.LUT(image, table).astype(np.uint8, copy=False)


def _noisy(image: Image, rng: Generator, faults: CameraFaults) -> Image:
    noise: NDArray[np.float32] = rng.standard_normal(image.shape, np.float32)
    return np.clip(image + noise * np.float32(rng.uniform(1, faults.noise)), 0, 255).astype(np.uint8)


def _compressed(image: Image, rng: Generator, faults: CameraFaults) -> Image:
    quality = int(rng.integers(faults.quality, 90))
    _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None  # what was just encoded
    return decoded.astype(np.uint8, copy=False)
