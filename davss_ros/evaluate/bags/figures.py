# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""From rows to the figures of ``results.json``, one row after the other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from davss_ros.evaluate.bags.job import KEY_NETWORK, LABELS
from davss_ros.evaluate.bags.rows import FrameRow, dense, sparse
from davss_ros.evaluate.confusion import ConfusionMatrix
from davss_ros.evaluate.map_quality import COARSE, MapQuality

BLOCKS, SHORTEST = 100, 10  # at most so many blocks a camera, of at least so many frames
GAPS_NAMED = 100
NAMES = {LABELS: ('miou', 'iou'), KEY_NETWORK: ('agreement', 'agreement_by_class')}


@dataclass
class Block:
    """Consecutive frames of one camera."""

    bag: str
    camera: str
    begin: int  # ns, first and last stamp
    end: int
    frames: int = 0
    counted: int = 0
    key_frames: int = 0
    distortion: float = 0.0  # sum
    counts: NDArray[np.int64] | None = None


@dataclass
class _Sums:
    """What is summed up of a bag, or of all."""

    classes: int
    frames: int = 0
    confusion: ConfusionMatrix = field(init=False)
    streaming: ConfusionMatrix = field(init=False)
    by_distance: dict[int, ConfusionMatrix] = field(default_factory=dict)
    counted_at: Counter[int] = field(default_factory=Counter)
    counted: int = 0
    keys: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    unlabelled: Counter[str] = field(default_factory=Counter)
    totals: dict[bool, list[float]] = field(default_factory=lambda: {True: [], False: []})
    stages: dict[bool, Counter[str]] = field(default_factory=lambda: {True: Counter(), False: Counter()})
    dropped: int = 0
    live_ms: list[float] = field(default_factory=list)
    map: MapQuality = field(default_factory=lambda: MapQuality(COARSE))
    gaps: list[dict[str, Any]] = field(default_factory=list)
    gap_count: int = 0
    blocks: list[Block] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.confusion, self.streaming = ConfusionMatrix(self.classes), ConfusionMatrix(self.classes)

    def add(self, row: FrameRow) -> None:
        if row.skipped:
            self.skipped[row.skipped] += 1
            return
        self.frames += 1
        key = bool(row.key)
        if row.key or row.taken:
            self.keys[row.key or row.taken] += 1
        self.totals[key].append(row.ms.get('total', 0.0))
        self.stages[key].update(row.ms)
        self.dropped += row.live.get('dropped', 0)
        self.live_ms += row.live.get('ms', [])
        if row.unlabelled:
            self.unlabelled[row.unlabelled] += 1
        if row.counts is not None:
            counts = dense(row.counts, self.confusion.counts.shape)
            self.confusion.counts += counts
            self.by_distance.setdefault(row.distance, ConfusionMatrix(self.classes)).counts += counts
            self.counted += 1
            self.counted_at[row.distance] += 1
        if row.streaming is not None:
            self.streaming.counts += dense(row.streaming, self.confusion.counts.shape)
        if row.map is not None:
            self.map.add_sparse(row.map)


class Figures:
    """Sums up rows.

    Args:
        classes: names, in the order of their ids.
        against: what is compared with, see `davss_ros.evaluate.bags.job`.
        frames: (bag, camera) -> number of rows that will come, for blocks of even length.
        longest_gap: (s) between stamps; longer ones are told.
    """

    def __init__(
        self, classes: Sequence[str], against: str, frames: dict[tuple[str, str], int], longest_gap: float
    ) -> None:
        self._classes, self._against, self._longest_gap = classes, against, longest_gap
        self._lengths = {key: max(SHORTEST, ceil(count / BLOCKS)) for key, count in frames.items()}
        self._places = {key: place for place, key in enumerate(frames)}
        self._bags: dict[str, _Sums] = {}
        self._all = _Sums(len(classes))
        self._blocks: dict[tuple[str, str], Block] = {}
        self._last: dict[tuple[str, str], int] = {}
        self._began: dict[str, int] = {}

    def add(self, row: FrameRow) -> None:
        """Add a row; those of a camera come in their order."""
        own = self._bags.setdefault(row.bag, _Sums(len(self._classes)))
        own.add(row)
        self._all.add(row)
        if row.skipped:
            return
        began = self._began.setdefault(row.bag, row.stamp)
        self._began[row.bag] = min(began, row.stamp)
        key = row.bag, row.camera
        last = self._last.get(key)
        if last is not None and self._longest_gap and row.stamp - last > self._longest_gap * 1e9:
            for sums in (own, self._all):
                sums.gap_count += 1
                if len(sums.gaps) < GAPS_NAMED:
                    sums.gaps.append(
                        {'bag': row.bag, 'camera': row.camera, 'stamp': last, 'seconds': (row.stamp - last) / 1e9}
                    )
        self._last[key] = row.stamp
        self._add_to_block(row, own)

    def _add_to_block(self, row: FrameRow, own: _Sums) -> None:
        key = row.bag, row.camera
        block = self._blocks.get(key)
        if block is None or block.frames >= self._lengths.get(key, SHORTEST):
            block = self._blocks[key] = Block(row.bag, row.camera, row.stamp, row.stamp)
            own.blocks.append(block)
            self._all.blocks.append(block)
        block.end = row.stamp
        block.frames += 1
        block.key_frames += bool(row.key or row.taken)
        block.distortion += row.distortion
        if row.counts is not None:
            counts = dense(row.counts, self._all.confusion.counts.shape)
            block.counts = counts if block.counts is None else block.counts + counts
            block.counted += 1

    def bags(self) -> dict[str, dict[str, Any]]:
        """Return the figures by bag."""
        places = {bag: place for place, bag in enumerate(dict.fromkeys(bag for bag, _ in self._places))}
        return {
            bag: self._figures(self._bags[bag])
            for bag in sorted(self._bags, key=lambda bag: places.get(bag, len(places)))
        }

    def all(self) -> dict[str, Any]:
        """Return the figures of all bags together, and the counts of every block."""
        blocks = [
            {
                'bag': block.bag,
                'camera': block.camera,
                'frames': block.frames,
                'counts': None if block.counts is None else sparse(block.counts),
            }
            for block in self._in_order(self._all)
        ]
        return self._figures(self._all) | {'blocks': blocks}

    def _in_order(self, sums: _Sums) -> list[Block]:
        """Return blocks by bag and camera, those of a camera in their order: workers end as it falls out."""
        return sorted(sums.blocks, key=lambda block: self._places.get((block.bag, block.camera), len(self._places)))

    def _figures(self, sums: _Sums) -> dict[str, Any]:
        figures: dict[str, Any] = {'frames': sums.frames, 'counted': sums.counted}
        if self._against in NAMES:
            mean, by_class = NAMES[self._against]
            figures |= {
                mean: percent(sums.confusion.miou()),
                by_class: self._by_class(sums.confusion),
                'by_distance': {
                    str(d): {mean: percent(sums.by_distance[d].miou()), 'frames': sums.counted_at[d]}
                    for d in sorted(sums.by_distance)
                },
                f'streaming_{mean}': percent(sums.streaming.miou()),
                'distortion_map': _map_figures(sums.map),
            }
        figures |= {
            'by_time': [self._block(block) for block in self._in_order(sums)],
            'key_frames': dict(sums.keys),
            'latency_ms': _latency(sums),
            'dropped_if_live': _live(sums),
            'skipped': dict(sums.skipped),
            'gaps': {'count': sums.gap_count, 'first': sums.gaps},
        }
        if self._against == LABELS:
            figures['unlabelled'] = dict(sums.unlabelled)
        return figures

    def _by_class(self, confusion: ConfusionMatrix) -> dict[str, float | None]:
        return {name: percent(value) for name, value in zip(self._classes, confusion.iou(), strict=True)}

    def _block(self, block: Block) -> dict[str, Any]:
        began = self._began[block.bag]
        figures: dict[str, Any] = {
            'bag': block.bag,
            'camera': block.camera,
            'from': round((block.begin - began) / 1e9, 3),
            'to': round((block.end - began) / 1e9, 3),
            'frames': block.frames,
            'key_frames': block.key_frames,
            'distortion': round(block.distortion / block.frames, 5),
        }
        if self._against in NAMES:
            confusion = ConfusionMatrix(len(self._classes))
            if block.counts is not None:
                confusion.counts = block.counts
            figures[NAMES[self._against][0]] = percent(confusion.miou())
        return figures


def percent(value: float) -> float | None:
    """Return a share in per cent, None if there is none; with digits enough to compare runs."""
    return round(100 * float(value), 8) if isfinite(value) else None


def _latency(sums: _Sums) -> dict[str, Any]:
    every = np.array(sums.totals[True] + sums.totals[False])
    if not every.size:
        return {}
    figures: dict[str, Any] = {f'p{p}': round(float(np.percentile(every, p)), 2) for p in (50, 95, 99)}
    figures |= {'mean': round(float(every.mean()), 2), 'max': round(float(every.max()), 2)}
    for name, key in (('key', True), ('other', False)):
        if sums.totals[key]:
            count = len(sums.totals[key])
            figures[name] = {
                'p50': round(float(np.median(sums.totals[key])), 2),
                'stages': {stage: round(value / count, 2) for stage, value in sums.stages[key].items()},
            }
    return figures


def _live(sums: _Sums) -> dict[str, Any]:
    figures: dict[str, Any] = {
        'dropped': sums.dropped,
        'share': round(sums.dropped / sums.frames, 4) if sums.frames else None,
    }
    if sums.live_ms:
        figures['latency_ms'] = {f'p{p}': round(float(np.percentile(sums.live_ms, p)), 2) for p in (50, 95, 99)}
    return figures


def _map_figures(quality: MapQuality) -> dict[str, Any] | None:
    if not quality.counts.any():
        return None
    rounded = {
        'auc': round(quality.auc(), 4) if isfinite(quality.auc()) else None,
        'average_precision': round(quality.average_precision(), 4) if isfinite(quality.average_precision()) else None,
        'share_wrong': round(quality.share_wrong(), 5),
    }
    tenths = [
        {name: value if name == 'count' else round(value, 5) for name, value in tenth.items()}
        for tenth in quality.calibration()
    ]
    return rounded | {'calibration': tenths}
