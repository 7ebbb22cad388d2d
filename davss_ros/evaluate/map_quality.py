# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""How well a map of probabilities tells wrong pixels from right ones: ROC, average precision and calibration."""

import numpy as np
from numpy.typing import NDArray

TENTHS = 10
# Pixels are sorted into bins by the first bits of their float32, by default 18: bins are at most 1/512 of the value
# wide, also where nearly all values are close to 0. Values are in [0, 1].
FINE, COARSE = 14, 20  # bits that are left out; coarse bins are at most 1/8 of the value wide
_ONE = 0x3F800000  # 1.0


class MapQuality:
    """Counts of a map's values, over any number of images, on pixels that are wrong (positives) and right.

    Nothing but the counts is kept, so `auc` and `average_precision` hold pixels of one bin for equal. They agree with
    those of all single values within about a thousandth.

    Args:
        shift: `FINE` or `COARSE` bins.
    """

    def __init__(self, shift: int = FINE) -> None:
        self._shift = shift
        bins = (_ONE >> shift) + 1
        self.counts: NDArray[np.int64] = np.zeros((2, bins), np.int64)  # right, wrong; by rising value
        self._tenths: NDArray[np.float64] = np.zeros((3, TENTHS))  # pixels, sum of values, wrong pixels

    def add(self, values: NDArray[np.float32], wrong: NDArray[np.bool_]) -> None:
        """Add pixels: their values in [0, 1] and whether each is wrong; both of one shape.

        Raises:
            ValueError: shapes differ, or a value is outside of [0, 1].
        """
        if values.shape != wrong.shape:
            raise ValueError(f'values: expected the shape of wrong {wrong.shape}, found {values.shape}')
        values, positive = values.ravel().astype(np.float32), wrong.ravel()
        if values.size and not 0 <= values.min() <= values.max() <= 1:
            raise ValueError(f'values: expected 0 to 1, found {values.min()} to {values.max()}')
        values = values + np.float32(0)  # -0.0 becomes 0.0, whose bits sort
        bins, size = values.view(np.uint32) >> self._shift, self.counts.shape[1]
        every = np.bincount(bins, minlength=size)
        positives = np.bincount(bins[positive], minlength=size)
        self.counts += np.stack([every - positives, positives])
        tenth = np.minimum((values * TENTHS).astype(np.uint8), TENTHS - 1)
        for row, weights in enumerate((None, values, positive)):
            self._tenths[row] += np.bincount(tenth, weights, TENTHS)

    def __add__(self, other: 'MapQuality') -> 'MapQuality':
        """Return the counts of both together."""
        both = MapQuality(self._shift)
        both.counts = self.counts + other.counts
        both._tenths = self._tenths + other._tenths
        return both

    def sparse(self) -> dict[str, list]:
        """Return the counts for JSON: ``bins``, [place, right, wrong] of those with pixels, and ``tenths``."""
        places = np.flatnonzero(self.counts.any(0))
        bins = np.concatenate([places[:, None], self.counts[:, places].T], 1)
        return {'bins': bins.tolist(), 'tenths': self._tenths.round(3).T.tolist()}

    def add_sparse(self, counts: dict[str, list]) -> None:
        """Add what `sparse` returned of another with the same bins."""
        for place, right, wrong in counts['bins']:
            self.counts[:, place] += (right, wrong)
        self._tenths += np.array(counts['tenths']).T

    def share_wrong(self) -> float:
        """Return the share of wrong pixels, in [0, 1]; nan without any pixel."""
        right, wrong = self.counts.sum(1)
        return float(wrong / (right + wrong)) if right + wrong else float('nan')

    def roc(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the false and the true positive rate for every threshold, from (0, 0) to (1, 1); rising.

        nan where there are no right, or no wrong, pixels.
        """
        falling = np.concatenate([np.zeros((2, 1), np.int64), self.counts[:, ::-1].cumsum(1)], 1)
        with np.errstate(invalid='ignore'):
            false, true = falling / falling[:, -1:]
        return false, true

    def auc(self) -> float:
        """Return the area under `roc`: how often a wrong pixel has the higher value of two, equal ones counting half.

        nan where all pixels are right, or all wrong.
        """
        false, true = self.roc()
        return float((np.diff(false) * (true[1:] + true[:-1])).sum() / 2)

    def average_precision(self) -> float:
        """Return the mean precision over the wrong pixels, from the highest value down; nan if none is wrong."""
        right, wrong = self.counts[:, ::-1]
        found = wrong.cumsum()
        if not found[-1]:
            return float('nan')
        precision = found / np.maximum(found + right.cumsum(), 1)
        return float((precision * wrong).sum() / found[-1])

    def expected_calibration_error(self) -> float:
        """Return how far values lie from observed shares, in [0, 1]: the mean over the pixels, by tenths.

        ECE of Naeini et al. 2015, with ten bins of equal width; nan without any pixel.
        """
        pixels, total, positive = self._tenths
        return float(np.abs(total - positive).sum() / pixels.sum()) if pixels.any() else float('nan')

    def calibration(self) -> list[dict[str, float]]:
        """Return mean value, observed share of wrong pixels and count for every tenth of [0, 1] that holds a pixel."""
        return [
            {'from': i / TENTHS, 'to': (i + 1) / TENTHS, 'mean': total / n, 'observed': wrong / n, 'count': int(n)}
            for i, (n, total, wrong) in enumerate(self._tenths.T.tolist())
            if n
        ]
