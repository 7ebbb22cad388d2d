# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What is counted of one mode, and what the counts of a whole evaluation amount to."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from davss_ros.evaluate.boundary import BoundaryScore
from davss_ros.evaluate.confusion import ConfusionMatrix
from davss_ros.evaluate.map_quality import MapQuality

Image = NDArray[np.uint8]
Block = tuple[int, int]  # video, and place of the block in it
BLOCK = 5  # consecutive labelled frames that show about the same things


@dataclass(frozen=True)
class Scores:
    """Counts of one mode at one distance, or of several together.

    Attributes:
        confusion: against the true labels.
        boundary: against the edges of the true labels.
        consistency: of the labels against those of the frame before, carried along the flow.
        blocks: the confusion by block of frames, for `davss_ros.evaluate.bootstrap`.
    """

    confusion: ConfusionMatrix
    boundary: BoundaryScore
    consistency: ConfusionMatrix
    blocks: dict[Block, ConfusionMatrix] = field(default_factory=dict)

    @classmethod
    def empty(cls, classes: int) -> 'Scores':
        """Return scores of nothing."""
        return cls(ConfusionMatrix(classes), BoundaryScore(classes), ConfusionMatrix(classes))

    def add(self, predicted: Image, true: Image, carried: Image | None, block: Block = (0, 0)) -> None:
        """Add an image of a ``block``; ``carried``, if there is a frame before: its labels, void where none fits."""
        matrix = ConfusionMatrix(len(self.confusion.counts))
        matrix.add(predicted, true)
        self.confusion.counts += matrix.counts
        self.blocks.setdefault(block, ConfusionMatrix(len(matrix.counts))).counts += matrix.counts
        self.boundary.add(predicted, true)
        if carried is not None:
            self.consistency.add(predicted, carried)

    def __add__(self, other: 'Scores') -> 'Scores':
        """Return the counts of both together."""
        blocks = {**self.blocks}
        for block, matrix in other.blocks.items():
            blocks[block] = blocks[block] + matrix if block in blocks else matrix
        return Scores(
            self.confusion + other.confusion,
            self.boundary + other.boundary,
            self.consistency + other.consistency,
            blocks,
        )

    def block_counts(self) -> NDArray[np.int64]:
        """Return the confusion of every block (B, C, C), in the order of the blocks."""
        return np.stack([self.blocks[block].counts for block in sorted(self.blocks)])


@dataclass(frozen=True)
class Curve:
    """Scores of one mode.

    Attributes:
        at: distance -> scores; ``per_frame`` has 0 only.
        jumps: key interval n -> consistency of a key frame with the frame before it, at distance n - 1.
    """

    at: dict[int, Scores]
    jumps: dict[int, ConfusionMatrix] = field(default_factory=dict)

    def miou(self, distances: Sequence[int]) -> dict[int, float]:
        """Return mIoU in per cent for every distance."""
        return {d: 100 * self.at[d].confusion.miou() for d in distances}


@dataclass(frozen=True)
class WorstFrame:
    """A frame that a mode got wrong, to look at."""

    name: str
    mode: str
    distance: int
    accuracy: float  # share of its known pixels that are right, in [0, 1]
    image: Image
    predicted: Image
    true: Image
    distortion: NDArray[np.float32]  # (H, W) in [0, 1]


@dataclass(frozen=True)
class Evaluation:
    """All that was counted.

    Attributes:
        distances: as asked for.
        intervals: key-frame intervals, as asked for.
        counted: number of labelled frames that count.
        curves: mode -> its scores; ``per_frame`` is always there.
        confidence: distance -> quality of the confidence as the probability that the label is right, of the mode that
            ``worst`` shows; 0: on key frames.
        distortion: distance -> quality of ``davss``'s distortion map, against [``flow``'s label != key network's] on
            the pixels that are not void; empty unless both modes were measured.
        worst: the frames that ``davss`` (or else the last mode) got wrong most at the longest distance.
    """

    distances: Sequence[int]
    intervals: Sequence[int]
    counted: int
    curves: dict[str, Curve]
    distortion: dict[int, MapQuality]
    worst: list[WorstFrame]
    confidence: dict[int, MapQuality] = field(default_factory=dict)

    def at_interval(self, mode: str, interval: int) -> Scores:
        """Return the scores of ``mode`` on whole videos with a key frame every ``interval`` frames.

        The mean over all phases, that is over every choice of the first key frame. Over the phases every frame is at
        each distance 0 .. interval - 1 exactly once, so the counts at these distances, together, are those of
        ``interval`` runs through the videos; nothing needs to be run again. (A key frame's consistency with the frame
        before it is the one figure that may miss a pair: at the start of a video, if that frame would need a key frame
        before the first one.)
        """
        curve, key = self.curves[mode], self.curves['per_frame'].at[0]
        total = Scores(key.confusion, key.boundary, curve.jumps[interval], key.blocks)
        for distance in range(1, interval):
            total += curve.at[distance]
        return total
