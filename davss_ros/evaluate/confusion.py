# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Confusion matrix of labels, and what is read off it."""

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import VOID


class ConfusionMatrix:
    """Counts (true class, predicted class) over any number of images; void pixels never count."""

    def __init__(self, classes: int) -> None:
        self.counts: NDArray[np.int64] = np.zeros((classes, classes), np.int64)  # [true, predicted]

    def add(self, predicted: NDArray[np.uint8], true: NDArray[np.uint8]) -> None:
        """Add one image; both (H, W) uint8.

        Raises:
            ValueError: sizes differ, or an id is no class.
        """
        if predicted.shape != true.shape:
            raise ValueError(f'predicted: expected the size of the labels {true.shape}, found {predicted.shape}')
        both = (true.astype(np.uint16) << 8) | predicted
        counts = np.bincount(both.ravel(), minlength=1 << 16).reshape(256, 256)[:VOID]
        classes = len(self.counts)
        for what, pixels in (('true', counts.sum(1)), ('predicted', counts.sum(0))):
            if pixels[classes:].any():
                raise ValueError(f'{what}: expected ids below {classes}, found {np.flatnonzero(pixels).max()}')
        self.counts += counts[:classes, :classes]

    def __add__(self, other: 'ConfusionMatrix') -> 'ConfusionMatrix':
        """Return the counts of both together."""
        both = ConfusionMatrix(len(self.counts))
        both.counts = self.counts + other.counts
        return both

    def iou(self) -> NDArray[np.float64]:
        """Return the intersection over union of every class, in [0, 1]; nan for a class never seen nor predicted."""
        return iou(self.counts)

    def miou(self) -> float:
        """Return the mean of `iou` over the classes seen or predicted; nan if nothing was counted."""
        return float(np.nanmean(self.iou())) if self.counts.any() else float('nan')

    def accuracy(self) -> float:
        """Return the share of pixels that were predicted right, in [0, 1]; nan if nothing was counted."""
        total = self.counts.sum()
        return float(np.trace(self.counts) / total) if total else float('nan')


def iou(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return `ConfusionMatrix.iou` of any number of matrices at once: (..., C, C) gives (..., C)."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1).astype(float)
    union = counts.sum(-2) + counts.sum(-1) - hits
    return np.divide(hits, union, out=np.full_like(hits, np.nan), where=union > 0)


def mean_iou(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return `ConfusionMatrix.miou` of any number of matrices at once: (..., C, C) gives (...)."""
    every = iou(counts)
    counted = ~np.isnan(every)
    total = np.where(counted, every, 0).sum(-1)
    return np.divide(total, counted.sum(-1), out=np.full_like(total, np.nan), where=counted.any(-1))
