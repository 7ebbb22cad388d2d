"""Confusion matrix of labels, and what is read off it."""

import numpy as np
from numpy.typing import NDArray

VOID = 255


class ConfusionMatrix:
    """Counts (true class, predicted class) over any number of images; void pixels never count."""

    def __init__(self, classes: int) -> None:
        self.counts: NDArray[np.int64] = np.zeros((classes, classes), np.int64)  # [true, predicted]

    def add(self, predicted: NDArray[np.uint8], true: NDArray[np.uint8]) -> None:
        """Add one image; both (H, W) uint8.

        Raises:
            ValueError: sizes differ, or a prediction is no class.
        """
        if predicted.shape != true.shape:
            raise ValueError(f'predicted: expected the size of the labels {true.shape}, found {predicted.shape}')
        classes = len(self.counts)
        known = true != VOID
        predicted, true = predicted[known], true[known]
        if predicted.size and predicted.max() >= classes:
            raise ValueError(f'predicted: expected ids below {classes}, found {predicted.max()}')
        index = true.astype(np.int64) * classes + predicted
        self.counts += np.bincount(index, minlength=classes * classes).reshape(classes, classes)

    def iou(self) -> NDArray[np.float64]:
        """Return the intersection over union of every class, in [0, 1]; nan for a class never seen nor predicted."""
        hits = np.diag(self.counts).astype(float)
        union = self.counts.sum(0) + self.counts.sum(1) - hits
        return np.divide(hits, union, out=np.full_like(hits, np.nan), where=union > 0)

    def miou(self) -> float:
        """Return the mean of `iou` over the classes seen or predicted."""
        return float(np.nanmean(self.iou()))
