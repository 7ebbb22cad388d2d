# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Random views of a labelled image for training the key network."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from davss_ros.train.material.camera import CameraFaults, disturbed

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes."""

    scale: tuple[float, float] = (0.75, 1.9)
    brightness: float = 0.3
    contrast: float = 0.3
    saturation: float = 0.3
    hue: float = 6.0  # degrees
    blur: float = 0.15  # share of images
    rare_share: float = 0.5  # share of views centred on a pixel of a rare class
    faults: CameraFaults | None = None  # of a worse camera, over all the others


def random_view(
    image: Image, labels: Image, size: tuple[int, int], rng: Generator, ranges: Augmentation, rare: tuple[int, ...] = ()
) -> tuple[Image, Image]:
    """Return a random scaled, shifted, mirrored and recoloured view.

    Args:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8.
        size: (height, width) of the view.
        rng: source of all randomness.
        ranges: how far to go.
        rare: class ids around which views are centred more often.

    Returns:
        Image (height, width, 3) and labels (height, width), 255 outside the original.
    """
    matrix = random_matrix(labels, size, rng, ranges, rare)
    view, view_labels = transform(image, labels, matrix, size)
    view = recolour(view, rng, ranges)
    return view if ranges.faults is None else disturbed(view, rng, ranges.faults), view_labels


def random_matrix(
    labels: Image, size: tuple[int, int], rng: Generator, ranges: Augmentation, rare: tuple[int, ...] = ()
) -> NDArray[np.float64]:
    """Return (2, 3): where the pixel (x, y, 1) of the original goes in a random view; arguments as `random_view`."""
    height, width = size
    scale = float(np.exp(rng.uniform(*np.log(ranges.scale))))
    focus_y, focus_x = _focus(labels, rng, rare if rng.random() < ranges.rare_share else ())
    target_y = _place(rng, height, scale * focus_y, scale * labels.shape[0])
    target_x = _place(rng, width, scale * focus_x, scale * labels.shape[1])
    flip = -1.0 if rng.random() < 0.5 else 1.0
    matrix = np.array([[scale, 0, target_x - scale * focus_x], [0, scale, target_y - scale * focus_y]])
    if flip < 0:
        matrix[0] = -matrix[0]
        matrix[0, 2] += width - 1
    return matrix


def transform(image: Image, labels: Image, matrix: NDArray[np.float64], size: tuple[int, int]) -> tuple[Image, Image]:
    """Return image and labels moved by ``matrix`` (2, 3) into a view of ``size``; grey and 255 outside the original."""
    height, width = size
    view = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=(127, 127, 127))
    view_labels = cv2.warpAffine(labels, matrix, (width, height), flags=cv2.INTER_NEAREST, borderValue=(255,))
    return view.astype(np.uint8), view_labels.astype(np.uint8)


def fit_to(image: Image, size: tuple[int, int], labels: bool = False) -> Image:
    """Cut the middle of (H, W, ...) to the shape of ``size`` (height, width) and scale it; ``labels`` are not mixed."""
    height, width = image.shape[:2]
    cut = min(height / size[0], width / size[1])
    high, wide = round(cut * size[0]), round(cut * size[1])
    top, left = (height - high) // 2, (width - wide) // 2
    part = image[top : top + high, left : left + wide]
    how = cv2.INTER_NEAREST if labels else cv2.INTER_AREA
    return cv2.resize(part, (size[1], size[0]), interpolation=how).astype(np.uint8, copy=False)


def paste(view: tuple[Image, Image], other: tuple[Image, Image], classes: tuple[int, ...]) -> tuple[Image, Image]:
    """Return ``view`` with the pixels of ``classes`` of ``other`` laid over it, where they are there.

    ClassMix (Olsson et al., WACV 2021) with true labels: cameras on cars see things at about the same places.

    Args:
        view: image (H, W, 3) and labels (H, W).
        other: the same, of another image.
        classes: ids that are cut out.
    """
    cut = np.isin(other[1], classes)
    return np.where(cut[..., None], other[0], view[0]), np.where(cut, other[1], view[1])


def recolour(image: Image, rng: Generator, ranges: Augmentation) -> Image:
    """Return (H, W, 3) uint8 with random brightness, contrast, saturation, hue and, at times, blur."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(-ranges.hue, ranges.hue) / 2) % 180  # OpenCV: 180 for a full turn
    hsv[..., 1] = np.clip(hsv[..., 1] * (1 + rng.uniform(-ranges.saturation, ranges.saturation)), 0, 255)
    pixels = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB).astype(np.float32)
    mean = pixels.mean()
    pixels = (pixels - mean) * (1 + rng.uniform(-ranges.contrast, ranges.contrast)) + mean
    pixels *= 1 + rng.uniform(-ranges.brightness, ranges.brightness)
    if rng.random() < ranges.blur:
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.2))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _place(rng: Generator, view: int, focus: float, length: float) -> float:
    """Return where in the view the focus goes, so that a large image leaves no border and a small one loses nothing."""
    ends = focus, view - (length - focus)
    return float(np.clip(rng.uniform(0.25, 0.75) * view, min(ends), max(ends)))


def _focus(labels: Image, rng: Generator, rare: tuple[int, ...]) -> tuple[float, float]:
    present = [c for c in rare if (labels == c).any()]
    if not present:
        return rng.uniform(0, labels.shape[0]), rng.uniform(0, labels.shape[1])
    ys, xs = np.nonzero(labels == present[rng.integers(len(present))])
    pick = rng.integers(len(ys))
    return float(ys[pick]), float(xs[pick])
