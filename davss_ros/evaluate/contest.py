# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Contenders that take turns at the same frames, so that whatever else the machine does falls on all alike."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.segmenter import VideoSegmenter

TURN = 20  # frames at a time: two key intervals by default, enough for caches to be a contender's own

Frames = Sequence[NDArray[np.uint8]]


@dataclass
class Times:
    """Milliseconds by stage, of key frames and of others; ``total`` is among the stages.

    Attributes:
        key: of key frames.
        other: of those between; a ``look`` is of those that have one.
        every: frames from look to look.
    """

    key: dict[str, list[float]] = field(default_factory=dict)
    other: dict[str, list[float]] = field(default_factory=dict)
    every: int = 1

    def add(self, timings: Mapping[str, float], *, key: bool) -> None:
        """Add a frame."""
        for stage, value in timings.items():
            (self.key if key else self.other).setdefault(stage, []).append(value)

    def mean(self, interval: int) -> float:
        """Return the `typical` ms of a frame with a key frame every ``interval`` frames; of one if all are."""
        key, others = typical(self.key), interval - 1
        if not self.other:
            return key
        looks = self.other.get('look', [])
        more = look_count(others, self.every) - others * len(looks) / len(self.other['total'])
        return (key + others * typical(self.other) + (more * float(np.median(looks)) if looks else 0.0)) / interval

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
    times = {name: Times(every=segmenter.model.correction_interval) for name, segmenter in contenders.items()}
    for _ in range(rounds):
        for start in range(0, len(frames), TURN):
            for name, segmenter in contenders.items():
                for frame in frames[start : start + TURN]:
                    result = segmenter.step(frame)
                    times[name].add(result.timings, key=result.is_key)
    return times


def look_count(frames: int, every: int) -> int:
    """Return how many of so many frames after a key frame are looked at, the first and then every ``every``-th."""
    return math.ceil(frames / every)


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
