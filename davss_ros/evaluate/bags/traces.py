# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Figures of single frames over time, thinned out so that a page stays light, spikes and all."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path

from davss_ros.evaluate.bags.moments import share_wrong
from davss_ros.evaluate.bags.rows import read_rows

MOST = 1500  # points of a curve
NAN = float('nan')


@dataclass
class Trace:
    """One camera of a bag: a value for every frame."""

    bag: str
    camera: str
    stamps: list[int] = field(default_factory=list)
    right: list[float] = field(default_factory=list)  # per cent of the pixels
    distortion: list[float] = field(default_factory=list)  # nan on key frames, which have no map
    ms: list[float] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)  # stamps of key frames

    @property
    def began(self) -> int:
        """The first stamp, ns."""
        return min(self.stamps)

    def points(self, attribute: str) -> list[tuple[int, float]]:
        """Return stamps and values, at most about `MOST`: of each stretch the least and the greatest."""
        return thinned(self.stamps, getattr(self, attribute))


def thinned(stamps: Sequence[int], values: Sequence[float], most: int = MOST) -> list[tuple[int, float]]:
    """Return pairs without nan; of too many, of each stretch the least and the greatest in their order."""
    pairs = [(stamp, value) for stamp, value in zip(stamps, values, strict=True) if not isnan(value)]
    if len(pairs) <= most:
        return pairs
    length = -(-2 * len(pairs) // most)
    kept = []
    for start in range(0, len(pairs), length):
        stretch = pairs[start : start + length]
        ends = {min(stretch, key=lambda pair: pair[1]), max(stretch, key=lambda pair: pair[1])}
        kept += sorted(ends)
    return kept


def traces(rows: Path, classes: int) -> list[Trace]:
    """Return a trace for every camera of every bag."""
    found: dict[tuple[str, str], Trace] = {}
    for row in read_rows(rows):
        if row.skipped:
            continue
        trace = found.setdefault((row.bag, row.camera), Trace(row.bag, row.camera))
        wrong = share_wrong(row, classes)
        trace.stamps.append(row.stamp)
        trace.right.append(NAN if wrong is None else 100 * (1 - wrong))
        trace.distortion.append(NAN if row.key else row.distortion)
        trace.ms.append(row.ms.get('total', NAN))
        if row.key or row.taken:
            trace.keys.append(row.stamp)
    return list(found.values())
