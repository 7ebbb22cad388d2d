# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Which label belongs to which frame: the nearest stamp within a tolerance, each label once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]


@dataclass(frozen=True)
class Matches:
    """What belongs together.

    Attributes:
        label_of: number of a frame -> number of its label.
        counts: ``labels``, ``matched``, ``frames_without_label``, ``labels_without_frame`` and ``labels_of_one_stamp``
            (beyond the first one of each).
    """

    label_of: dict[int, int]
    counts: Counter[str]

    def renamed(self, frames: Sequence[int], labels: Sequence[int]) -> 'Matches':
        """Return the same with other numbers for what now are places."""
        return Matches({frames[place]: labels[label] for place, label in self.label_of.items()}, self.counts)


def match_stamps(frames: Times, labels: Times, tolerance: float, numbers: Sequence[int] | None = None) -> Matches:
    """Match frames and labels whose stamps are each other's nearest.

    Args:
        frames: (N,) stamps, ns.
        labels: (M,) stamps, ns; of several labels of one stamp the first counts.
        tolerance: s; the farthest that stamps may lie apart.
        numbers: of the frames; by default 0 .. N - 1.
    """
    names = list(range(len(frames))) if numbers is None else list(numbers)
    stamps, first = np.unique(labels, return_index=True)
    counts = Counter(labels=len(labels), labels_of_one_stamp=len(labels) - len(stamps))
    best: dict[int, tuple[int, int]] = {}  # label -> (how far off, place of the frame)
    if len(stamps):
        right = np.searchsorted(stamps, frames).clip(max=len(stamps) - 1)
        left = (right - 1).clip(min=0)
        nearest = np.where(np.abs(stamps[left] - frames) <= np.abs(stamps[right] - frames), left, right)
        apart = np.abs(stamps[nearest] - frames)
        for place in np.flatnonzero(apart <= round(tolerance * 1e9)).tolist():
            candidate = (int(apart[place]), place)
            label = int(first[nearest[place]])
            best[label] = min(best.get(label, candidate), candidate)
    label_of = {names[place]: label for label, (_, place) in best.items()}
    counts['matched'] = len(label_of)
    counts['frames_without_label'] = len(frames) - len(label_of)
    counts['labels_without_frame'] = len(stamps) - len(label_of)
    return Matches(label_of, counts)
