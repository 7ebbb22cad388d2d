# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Streaming accuracy (Li, Wang and Ramanan, ECCV 2020): what a robot feels, as late labels are of another scene.

The labels that are there at the instant of a frame are held against that frame's truth.
All times are in ns on the video's own clock. A frame can be served from its stamp on, by a server that works on one at
a time; labels count from the moment they are ready, until the next ones are.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from davss_ros.evaluate.confusion import ConfusionMatrix

Image = NDArray[np.uint8]


class Output(NamedTuple):
    """Labels that came out."""

    frame: int  # the place of the frame whose labels they are
    ready: int  # ns


def serve(stamps: Sequence[int], step: Callable[[int, int], int], *, every_frame: bool = False) -> list[Output]:
    """Return what comes out when frames are served one at a time, in the order in which it does.

    Args:
        stamps: of the frames, ns, rising.
        step: serves the frame at a place from a time on, ns, and returns its latency, ns.
        every_frame: serve all, in turn, however late; otherwise the newest that waits, and those before it never.

    Raises:
        ValueError: stamps do not rise.
    """
    if any(after <= before for before, after in pairwise(stamps)):
        raise ValueError('stamps: expected rising ones, as of a video')
    outputs: list[Output] = []
    place, free = 0, 0
    while place < len(stamps):
        start = max(free, stamps[place])
        if not every_frame:
            place = bisect_right(stamps, start) - 1
        free = start + step(place, start)
        outputs.append(Output(place, free))
        place += 1
    return outputs


def present_frames(stamps: Sequence[int], outputs: Sequence[Output]) -> list[int | None]:
    """Return for the instant of every frame whose labels are there: the last that were ready; None before the first."""
    ready = [output.ready for output in outputs]
    if ready != sorted(ready):
        raise ValueError('outputs: expected them in the order in which they were ready')
    counts = [bisect_right(ready, stamp) for stamp in stamps]
    return [outputs[count - 1].frame if count else None for count in counts]


def streaming_confusion(
    stamps: Sequence[int],
    outputs: Sequence[Output],
    labels: Mapping[int, Image] | Sequence[Image],
    truth: Sequence[Image | None],
    classes: int,
    first: int = 0,
) -> ConfusionMatrix:
    """Return the counts of the labels that are there at every frame's instant, against that frame's truth.

    Args:
        stamps: of all frames, ns.
        outputs: as `serve` returns them, or as they were recorded.
        labels: (H, W) uint8 of the frame at a place, for every frame that came out.
        truth: (H, W) uint8 of every frame, 255 where void; None for a frame without.
        classes: how many.
        first: frames before this place do not count; nor do those before whose instant nothing was ready, so to compare
            servers begin where all have labels.
    """
    confusion = ConfusionMatrix(classes)
    for place, (present, true) in enumerate(zip(present_frames(stamps, outputs), truth, strict=True)):
        if place >= first and present is not None and true is not None:
            confusion.add(labels[present], true)
    return confusion


def streaming_miou(
    stamps: Sequence[int],
    latencies: Sequence[int],
    labels: Sequence[Image],
    truth: Sequence[Image | None],
    classes: int,
    *,
    every_frame: bool = False,
) -> float:
    """Return the streaming mIoU in per cent of labels that do not depend on which frames were served; nan for nothing.

    Args:
        stamps: of the frames, ns, rising.
        latencies: of every frame, had it been served: from then to its labels, ns.
        labels: of every frame, had it been served: (H, W) uint8.
        truth: as in `streaming_confusion`.
        classes: how many.
        every_frame: as in `serve`.
    """
    outputs = serve(stamps, lambda place, start: latencies[place], every_frame=every_frame)
    return 100 * streaming_confusion(stamps, outputs, labels, truth, classes).miou()
