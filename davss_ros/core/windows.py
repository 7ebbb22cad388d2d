# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Windows of a frame: where the correction network works when it does not redo the whole of it.

A window has `SHAPE` 1/4-size pixels, so four times as many of the image each way; windows may overlap. They are
placed one after the other, each where the distortion that no earlier one covers is largest in sum. The network sees
`MARGIN` more on every side, as the result is worst at the border of what it sees; at the border of the frame it sees
as much, further in. Several frames make one batch: the functions take the windows of each, and give those of all one
after the other.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.networks.resample import SCALE

SHAPE = (24, 28)  # height and width, 1/4-size pixels
MARGIN = 2  # 1/4-size pixels
COVERED = -1e-9  # in place of the distortion: where nothing is left, another place is better than the same
STEP = 2  # 1/4-size pixels between the places that are looked at
WORTH = 0.0015  # share of a window expected to be wrong, below which it is not worth the work: one 1/4-size pixel


class Window(NamedTuple):
    """A part of a map at 1/4 size, in its pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, maps: Tensor) -> Tensor:
        """Return this part of (..., h, w), a view."""
        return maps[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def grown(self, margin: int, size: tuple[int, int]) -> 'Window':
        """Return this with ``margin`` on every side, moved inwards where that is not within a map of (h, w)."""
        height, width = min(self.height + 2 * margin, size[0]), min(self.width + 2 * margin, size[1])
        top = min(max(self.top - margin, 0), size[0] - height)
        return Window(top, min(max(self.left - margin, 0), size[1] - width), height, width)

    def inside(self, other: 'Window') -> 'Window':
        """Return where this lies in ``other``."""
        return self._replace(top=self.top - other.top, left=self.left - other.left)

    def of_image(self, image: Tensor) -> Tensor:
        """Return this part of (..., 4 h, 4 w), a view."""
        return Window(*(SCALE * value for value in self)).of(image)


Places = Sequence[Sequence[Window]]  # the windows of each frame


def window_count(size: tuple[int, int], share: float) -> int:
    """Return how many windows have ``share`` of the area of (h, w), at least one; none for a share of 0."""
    return 0 if share == 0 else max(1, round(share * size[0] * size[1] / (SHAPE[0] * SHAPE[1])))


def choose_windows(
    distortion: NDArray[np.float32], count: int, shape: tuple[int, int] = SHAPE, worth: float = 0.0, floor: int = 0
) -> list[Window]:
    """Return windows that hold as much of the distortion as greedy choice can, of one size.

    Args:
        distortion: (h, w), at least 0.
        count: how many, at most.
        shape: (height, width) of a window; cut to the map where that is smaller.
        worth: mean of the distortion in a window, what earlier ones hold left out, below which it is not redone; 0:
            there is nothing below, until all is covered.
        floor: how many are chosen whatever they are worth.
    """
    rest = np.array(distortion, np.float64)
    height, width = min(shape[0], rest.shape[0]), min(shape[1], rest.shape[1])
    least = worth * height * width or COVERED * (height * width - 0.5)  # or anything that is not covered
    tops, lefts = _places(rest.shape[0], height), _places(rest.shape[1], width)
    chosen: list[Window] = []
    while len(chosen) < count:
        sums = cv2.integral(rest, sdepth=cv2.CV_64F)
        rows = sums[tops + height] - sums[tops]
        inside = rows[:, lefts + width] - rows[:, lefts]
        best = int(inside.argmax())
        if inside.flat[best] < least and len(chosen) >= floor:
            break
        window = Window(int(tops[best // len(lefts)]), int(lefts[best % len(lefts)]), height, width)
        if window in chosen:  # all is covered
            break
        rest[window.top : window.top + height, window.left : window.left + width] = COVERED
        chosen.append(window)
    return chosen


def cut(places: Places, maps: Tensor) -> Tensor:
    """Return the windows of each of (N, ..., h, w), all one after the other: (n, ..., height, width)."""
    return torch.cat([window.of(part[None]) for windows, part in zip(places, maps, strict=True) for window in windows])


def cut_image(places: Places, image: Tensor) -> Tensor:
    """Return the windows of each of (N, C, 4 h, 4 w): (n, C, 4 height, 4 width), channels last."""
    parts = [window.of_image(part) for windows, part in zip(places, image, strict=True) for window in windows]
    result = torch.empty(
        len(parts), *parts[0].shape, dtype=image.dtype, device=image.device, memory_format=torch.channels_last
    )
    for target, part in zip(result, parts, strict=True):  # to join them first would lay them out anew
        target.copy_(part)
    return result


def grown(places: Places, margin: int, size: tuple[int, int]) -> list[list[Window]]:
    """Return every window with ``margin`` around it, see `Window.grown`."""
    return [[window.grown(margin, size) for window in windows] for windows in places]


def without_margin(places: Places, views: Places, parts: Tensor) -> Tensor:
    """Return the windows of ``places`` (n, C, height, width), cut out of the ``views`` around them (n, C, h', w')."""
    pairs = [pair for windows in zip(places, views, strict=True) for pair in zip(*windows, strict=True)]
    return torch.cat([window.inside(other).of(part[None]) for (window, other), part in zip(pairs, parts, strict=True)])


def paste(places: Places, parts: Tensor, onto: Tensor) -> Tensor:
    """Return ``onto`` (N, C, h, w) with the ``parts`` (n, C, height, width) where their windows are.

    Where windows of a frame overlap, the first one counts: it was placed where more was wrong.
    """
    result = onto.clone()
    every = [(i, window) for i, windows in enumerate(places) for window in windows]
    for (i, window), part in reversed(list(zip(every, parts, strict=True))):
        window.of(result[i])[:] = part
    return result


def _places(length: int, side: int) -> NDArray[np.int64]:
    """Return where a window may begin: every `STEP`, and flush with the end."""
    return np.unique(np.append(np.arange(0, length - side + 1, STEP), length - side))
