# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Stills beside which lies what an imaginary key frame left there: where the correction network starts to learn.

Samples of motion are dear, and what was cut from a few hundred stills is soon known by heart. Here every still is a new
view each time (as for the key network), and what "was propagated" to it are the key network's scores of the same view,
spoilt in the ways in which propagation goes wrong: moved off the mark, with things in it that have gone since, without
things that have come, and nothing new at the borders.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from davss_ros.networks.resample import SCALE
from davss_ros.train.material.augment import Augmentation, Image, random_matrix, recolour, transform
from davss_ros.train.material.scene import grid

Maps = NDArray[np.float32]  # (C, h, w) at 1/4 size
CHANNELS = 4  # that cv2.remap moves at a time


@dataclass(frozen=True)
class Staleness:
    """How propagation goes wrong; lengths in 1/4-size pixels."""

    drift: float = 1.2  # largest standard deviation of the error of the flow
    border: float = 0.15  # largest share of a side that has come into view
    objects: int = 3  # most other views of which things are pasted
    travel: float = 12.0  # standard deviation of how far those have moved
    followed: float = 0.0  # share of those that moved which the flow follows; it smears what is around them
    light: float = 0.06  # largest change of brightness


@dataclass(frozen=True)
class Still:
    """A labelled image and what the key network says of it."""

    image: Image  # (H, W, 3)
    labels: Image  # (H, W)
    scores: NDArray[np.float16]  # (C, H / 4, W / 4)


@dataclass(frozen=True)
class View:
    """Part of a still, moved, and what was propagated to it."""

    image: Image  # (H, W, 3)
    labels: Image  # (H, W), 255 = void
    teacher: Maps  # (C, h, w), the key network's scores
    scores: Maps  # (C, h, w), stale
    propagated_image: Maps  # (3, h, w) in [0, 1], stale


def stale_views(
    stills: Sequence[Still],
    movable: tuple[int, ...],
    rare: tuple[int, ...],
    rng: Generator,
    ranges: Augmentation,
    staleness: Staleness,
) -> Iterator[View]:
    """Yield a view of every one of ``stills``, and of each other's things in it.

    Args:
        stills: of one size.
        movable: class ids of what comes and goes.
        rare: class ids around which views are centred more often.
        rng: source of all randomness.
        ranges: of the views.
        staleness: of what was propagated.
    """
    views = [_view(still, rare, rng, ranges) for still in stills]
    for number, (image, labels, scores) in enumerate(views):
        now, now_labels, now_scores = image.copy(), labels.copy(), scores.copy()
        was, was_scores = _small(image), scores.copy()
        flow: Maps = np.zeros((2, *was.shape[1:]), np.float32)
        for _ in range(rng.integers(0, staleness.objects + 1)):
            other = views[(number + int(rng.integers(1, max(len(views), 2)))) % len(views)]
            cut = _things(other[1], movable, rng)
            present, past = rng.permutation([True, rng.random() < 0.5])  # come, gone or moved
            if present:
                now[cut], now_labels[cut] = other[0][cut], other[1][cut]
                at = _quarter(cut)
                now_scores[:, at] = other[2][:, at]
            if past:
                offset = rng.normal(0, staleness.travel * rng.random(), 2)
                at = _quarter(cut)
                moved = _shift(np.concatenate([other[2], _small(other[0]), at[None].astype(np.float32)]), offset)
                at = moved[-1] > 0.5
                was_scores[:, at], was[:, at] = moved[: len(scores), at], moved[len(scores) : -1, at]
                if present and staleness.followed and rng.random() < staleness.followed:
                    flow = _follow(flow, _quarter(cut), offset, rng)
        was_all = _misplaced(np.concatenate([was_scores, was]), flow, rng, staleness)
        propagated = was_all[len(scores) :] * np.float32(1 + rng.uniform(-staleness.light, staleness.light))
        yield View(now, now_labels, now_scores, was_all[: len(scores)], propagated.clip(0, 1))


def _view(still: Still, rare: tuple[int, ...], rng: Generator, ranges: Augmentation) -> tuple[Image, Image, Maps]:
    size = still.labels.shape[0], still.labels.shape[1]
    matrix = random_matrix(still.labels, size, rng, ranges, rare)
    image, labels = transform(still.image, still.labels, matrix, size)
    back = cv2.invertAffineTransform(matrix)
    xs, ys = grid(still.scores.shape[1:])
    middle = (SCALE - 1) / 2  # of the 4x4 pixels that a 1/4-size pixel stands for
    full_x, full_y = xs * SCALE + middle, ys * SCALE + middle
    from_x = (back[0, 0] * full_x + back[0, 1] * full_y + back[0, 2] - middle) / SCALE
    from_y = (back[1, 0] * full_x + back[1, 1] * full_y + back[1, 2] - middle) / SCALE
    return recolour(image, rng, ranges), labels, _sample(still.scores.astype(np.float32), from_x, from_y)


def _things(labels: Image, movable: tuple[int, ...], rng: Generator) -> NDArray[np.bool_]:
    """Return (H, W): one connected piece of a movable class, or all of them."""
    mask = np.isin(labels, movable)
    count, pieces = cv2.connectedComponents(mask.astype(np.uint8))
    if count < 2 or rng.random() < 0.3:
        return mask
    ys, xs = np.nonzero(mask)
    pick = rng.integers(len(ys))  # large ones more often
    return np.asarray(pieces == pieces[ys[pick], xs[pick]])


def _follow(flow: Maps, thing: NDArray[np.bool_], offset: NDArray[np.float64], rng: Generator) -> Maps:
    """Return ``flow`` that leads back to where the ``thing`` was, and with it, as flows are smooth, what is around."""
    near = cv2.GaussianBlur(thing.astype(np.float32), (0, 0), rng.uniform(0.5, 4))
    near = np.clip(near * rng.uniform(1, 2.5), 0, 1)
    reached = np.asarray(offset * rng.uniform(0.8, 1.05), np.float32)  # rather too short than too long
    return (flow * (1 - near) + reached[:, None, None] * near).astype(np.float32)


def _misplaced(maps: Maps, flow: Maps, rng: Generator, staleness: Staleness) -> Maps:
    """Return ``maps`` along ``flow``, which is not quite right and does not reach what came into view."""
    height, width = maps.shape[1:]
    xs, ys = grid((height, width))
    xs, ys = xs + flow[0], ys + flow[1]
    for coarse in (4, 12):  # errors of large areas and of small ones
        noise = rng.normal(0, staleness.drift * rng.random() ** 2, (coarse, coarse, 2)).astype(np.float32)
        error = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32, copy=False)
        xs, ys = xs + error[..., 0], ys + error[..., 1]
    left, right, top, bottom = staleness.border * rng.random(4) ** 3
    xs = xs.clip(left * width, (1 - right) * width - 1)
    ys = ys.clip(top * height, (1 - bottom) * height - 1)
    return _sample(maps, xs, ys)


def _shift(maps: Maps, offset: NDArray[np.float64]) -> Maps:
    xs, ys = grid(maps.shape[1:])
    return _sample(maps, xs - np.float32(offset[0]), ys - np.float32(offset[1]))


def _sample(maps: Maps, xs: Maps, ys: Maps) -> Maps:
    """Return (C, h, w) ``maps`` at (x, y), bilinear, clamped at the border."""
    at = xs.astype(np.float32), ys.astype(np.float32)
    parts = []
    for first in range(0, len(maps), CHANNELS):
        few = np.ascontiguousarray(maps[first : first + CHANNELS].transpose(1, 2, 0))
        moved = cv2.remap(few, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        parts.append(np.atleast_3d(moved).astype(np.float32, copy=False).transpose(2, 0, 1))
    return np.concatenate(parts)


def _small(image: Image) -> Maps:
    """Return (3, h, w) in [0, 1]: what `davss_ros.networks.resample.down` makes of it."""
    height, width = image.shape[:2]
    blocks = image.reshape(height // SCALE, SCALE, width // SCALE, SCALE, 3)[:, 1:3, :, 1:3]
    return (blocks.mean((1, 3)) / 255).astype(np.float32).transpose(2, 0, 1)


def _quarter(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    height, width = mask.shape
    return mask.reshape(height // SCALE, SCALE, width // SCALE, SCALE).mean((1, 3)) > 0.5
