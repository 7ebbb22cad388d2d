# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Boundary F-score: how well the edges of the classes are met.

Per class as Csurka, Larlus and Perronnin have it (What is a good evaluation measure for semantic segmentation?, BMVC
2013), after Martin, Fowlkes and Malik (PAMI 2004): precision is the share of predicted boundary pixels with a true one
of the same class within a tolerance of 0.75 % of the image's diagonal, recall the same the other way round, F their
harmonic mean. They average over images; here the pixels of all images are counted together, as for mIoU, so that an
image which shows a few pixels of a class does not weigh as much as one full of it.
"""

from functools import lru_cache
from math import hypot

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import VOID

TOLERANCE = 0.0075  # of the diagonal
Labels = NDArray[np.uint8]


class BoundaryScore:
    """Counts boundary pixels over any number of images; void pixels, and borders on them, never count."""

    def __init__(self, classes: int) -> None:
        # of predicted and of true boundary pixels: all, and those with a partner in reach; of every class
        self.counts: NDArray[np.int64] = np.zeros((2, 2, classes), np.int64)

    def add(self, predicted: Labels, true: Labels) -> None:
        """Add one image; both (H, W) uint8 class ids, ``true`` perhaps void."""
        tolerance = max(1.0, TOLERANCE * hypot(*true.shape))
        found = _padded(boundary(np.where(true == VOID, np.uint8(VOID), predicted)), int(tolerance))
        sought = _padded(boundary(true), int(tolerance))
        offsets, classes = _disc(tolerance, found.shape[1]), self.counts.shape[2]
        for side, (ours, theirs) in enumerate([(found, sought), (sought, found)]):
            at = np.flatnonzero(ours != VOID)
            every = np.bincount(ours.ravel()[at], minlength=classes)
            unmet = np.bincount(_unmet(ours.ravel(), theirs.ravel(), at, offsets), minlength=classes)
            self.counts[side] += [every, every - unmet]

    def __add__(self, other: 'BoundaryScore') -> 'BoundaryScore':
        """Return the counts of both together."""
        both = BoundaryScore(self.counts.shape[2])
        both.counts = self.counts + other.counts
        return both

    def f(self) -> NDArray[np.float64]:
        """Return F of every class, in [0, 1]; nan for a class without any boundary, true or predicted."""
        every, met = self.counts[:, 0], self.counts[:, 1]
        precision, recall = met / np.maximum(every, 1)  # 0 where there are no pixels, which makes F 0 as well
        f = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
        return np.where(every.sum(0) > 0, f, np.nan)

    def mean_f(self) -> float:
        """Return the mean of `f` over the classes that have a boundary; nan if none has."""
        return float(np.nanmean(self.f())) if self.counts.any() else float('nan')


def boundary(labels: Labels) -> Labels:
    """Return the class of every pixel that has another class above, below, left or right of it; void elsewhere.

    Both (H, W) uint8; a neighbour that is void is no other class.
    """
    edge = np.zeros(labels.shape, bool)
    below, right = _differ(labels[1:], labels[:-1]), _differ(labels[:, 1:], labels[:, :-1])
    edge[1:] |= below
    edge[:-1] |= below
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return np.where(edge, labels, np.uint8(VOID))


def _differ(first: Labels, other: Labels) -> NDArray[np.bool_]:
    return (first != other) & (first != VOID) & (other != VOID)


def _padded(labels: Labels, margin: int) -> Labels:
    return np.pad(labels, margin, constant_values=VOID)


@lru_cache(maxsize=8)
def _disc(radius: float, width: int) -> tuple[int, ...]:
    """Return the offsets within ``radius`` in a flattened image ``width`` px wide, the nearest first."""
    reach = range(-int(radius), int(radius) + 1)
    inside = [(hypot(dx, dy), dy * width + dx) for dy in reach for dx in reach if hypot(dx, dy) <= radius]
    return tuple(offset for _, offset in sorted(inside))


def _unmet(ours: Labels, theirs: Labels, at: NDArray[np.int64], offsets: tuple[int, ...]) -> Labels:
    """Return the classes of those pixels of ``ours`` that have no equal within reach in ``theirs``; all flattened."""
    left = ours[at]
    for offset in offsets:
        other = theirs[at + offset] != left
        at, left = at[other], left[other]
    return left
