# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Contenders that take turns at the same frames, so that whatever else the machine does falls on all alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.segmenter import VideoSegmenter

TURN = 20  # frames at a time: two key intervals by default, enough for caches to be a contender's own

Frames = Sequence[NDArray[np.uint8]]


@dataclass
class Times:
    """Milliseconds by stage, of key frames and of others; ``total`` is among the stages."""

    key: dict[str, list[float]] = field(default_factory=dict)
    other: dict[str, list[float]] = field(default_factory=dict)

    def add(self, timings: Mapping[str, float], *, key: bool) -> None:
        """Add a frame."""
        for stage, value in timings.items():
            (self.key if key else self.other).setdefault(stage, []).append(value)

    def mean(self, interval: int) -> float:
        """Return the `typical` ms of a frame with a key frame every ``interval`` frames; of one if all are."""
        key = typical(self.key)
        other = typical(self.other) if self.other else key
        return (key + (interval - 1) * other) / interval

    def summary(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return p50 and p95 by kind of frame and stage, and of the ``total`` the ``mean`` as `typical` has it."""
        kinds = {kind: stages for kind, stages in (('key', self.key), ('other', self.other)) if stages}
        figures = {kind: {stage: _percentiles(ms) for stage, ms in stages.items()} for kind, stages in kinds.items()}
        for kind, stages in kinds.items():
            figures[kind]['total']['mean'] = round(typical(stages), 3)
        return figures


def alternate(frames: Frames, contenders: Mapping[str, VideoSegmenter], rounds: int = 1) -> dict[str, Times]:
    """Return what each contender took for all ``frames``, ``rounds`` times over, `TURN` frames at a turn.

    A turn begins where the contender's last one ended, so that nobody's flow is cut. All are warmed up before.
    """
    height, width = frames[0].shape[:2]
    for segmenter in contenders.values():
        segmenter.warm_up((height, width))
        segmenter.reset()
    times = {name: Times() for name in contenders}
    for _ in range(rounds):
        for start in range(0, len(frames), TURN):
            for name, segmenter in contenders.items():
                for frame in frames[start : start + TURN]:
                    result = segmenter.step(frame)
                    times[name].add(result.timings, key=result.is_key)
    return times


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    return {f'p{p}': round(float(np.percentile(values, p)), 3) for p in (50, 95)}


def ratio(numerator: float, denominator: float) -> float:
    """Return a ratio, rounded; nan if there is nothing to divide by."""
    return round(numerator / denominator, 3) if denominator else float('nan')


def typical(stages: Mapping[str, list[float]]) -> float:
    """Return the mean ms of a frame, the dearest twentieth of them counted as the 95th percentile.

    Frames differ, by whether there is a look at the whole and how many windows are redone, so that the median would
    leave work out; the cut leaves out what the machine did besides.

    Args:
        stages: ms by stage; ``total``, of which every frame has one, is among them.
    """
    total = np.array(stages['total'])
    return float(np.minimum(total, np.percentile(total, 95)).mean())
