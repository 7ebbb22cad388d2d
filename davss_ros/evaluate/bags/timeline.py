# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""When the frames of a topic were taken and received, their order, and which of them are asked for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]

CLOCK_JUMP = 1_000_000_000  # ns; a stamp that much before the last one is another time, not another order
FARTHEST = 64  # messages that one may be out of its place


@dataclass(frozen=True)
class Selection:
    """Which part of a bag is asked for.

    Attributes:
        start: s after the first frame that the bag received, of any camera.
        duration: s from there; 0: to the end.
        every: one frame out of so many.
    """

    start: float = 0.0
    duration: float = 0.0
    every: int = 1


@dataclass(frozen=True)
class Timeline:
    """Times of all messages of a topic, in the bag's order.

    Attributes:
        stamps: (N,) of the headers, ns.
        received: (N,) when they were recorded, ns.
    """

    stamps: Times
    received: Times

    def order(self) -> Times:
        """Return the numbers of the messages in the order of their stamps.

        Messages that overtook others on the way go to their places. Where the clock went back (a bag that was recorded
        in rounds), what comes after stays after; so do messages that are farther from their places than `FARTHEST`.
        """
        count = len(self.stamps)
        epoch = np.zeros(count, np.int64)
        newest, number = -(1 << 62), 0
        for place, stamp in enumerate(self.stamps.tolist()):
            if newest - stamp > CLOCK_JUMP and place:
                newest, number = stamp, number + 1
            newest, epoch[place] = max(newest, stamp), number
        order = np.lexsort((self.stamps, epoch))
        return order if count == 0 or np.abs(order - np.arange(count)).max() <= FARTHEST else np.arange(count)

    def chosen(self, selection: Selection, began: int) -> Times:
        """Return the numbers of the messages that are asked for, in the order of their stamps.

        Args:
            selection: which.
            began: when the bag received its first frame, ns.
        """
        order = self.order()
        since = (self.received[order] - began) / 1e9
        inside = since >= selection.start
        if selection.duration:
            inside &= since < selection.start + selection.duration
        return order[inside][:: selection.every]


def expected_keys(stamps: Times, interval: int | None, longest_gap: float, phase: int | None) -> NDArray[np.bool_]:
    """Return which frames are key frames as far as stamps and counting tell; cuts and changes of size come besides.

    Args:
        stamps: (N,) of the frames of a camera, ns, as they are segmented.
        interval: every so many frames; None: only gaps and jumps are known.
        longest_gap: s.
        phase: as `davss_ros.core.segmenter.VideoSegmenter` takes it.
    """
    keys = np.zeros(len(stamps), bool)
    distance = 0
    for i, stamp in enumerate(stamps.tolist()):
        before = int(stamps[i - 1]) if i else 0
        late = bool(longest_gap) and stamp - before > longest_gap * 1e9
        jump = bool(stamp and before) and (stamp < before or late)
        keys[i] = i == 0 or jump or (interval is not None and _due(i, distance + 1, interval, phase))
        distance = 0 if keys[i] else distance + 1
    return keys


def _due(number: int, distance: int, interval: int, phase: int | None) -> bool:
    return distance >= interval if phase is None else (number + phase) % interval == 0
