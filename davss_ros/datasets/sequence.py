# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Consecutive frames with labels on some of them, found by the numbers in the file names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from davss_ros.datasets.stills import LabelledImage
from davss_ros.images.bit_depth import BitDepth
from davss_ros.images.files import read_image
from davss_ros.recordings.frame import Frame


class FrameId(NamedTuple):
    """Where a frame belongs."""

    drive: str
    number: int


@dataclass(frozen=True)
class SequenceFrame:
    """One frame of a sequence, read when asked for."""

    image_path: Path
    stamp: int  # ns from the first frame of its sequence
    labelled: LabelledImage | None  # the image with its labels, where there are any
    depth: BitDepth | None = None  # of a 16-bit image

    def image(self) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 RGB."""
        return read_image(self.image_path, self.depth)


@dataclass(frozen=True)
class VideoSequence:
    """Consecutive frames of one drive; iterated, it gives them as a `davss_ros.recordings.frame.FrameSource` does."""

    name: str
    rate: float  # Hz
    frames: tuple[SequenceFrame, ...]  # at least two

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self.frames)

    @property
    def labelled(self) -> tuple[int, ...]:
        """Places of the labelled frames; frame ``i`` can be reached from key frames up to ``i`` frames before it."""
        return tuple(place for place, frame in enumerate(self.frames) if frame.labelled)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames, labelled or not; `DataError` if one cannot be read."""
        for frame in self.frames:
            yield Frame(frame.stamp, frame.image(), '', frame.stamp)


def split_runs(numbers: list[int], longest_hole: int) -> list[list[int]]:
    """Split rising frame numbers wherever one rises by more than ``longest_hole``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number - runs[-1][-1] <= longest_hole:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def step_of(numbers: list[int]) -> int:
    """Return the step at which ``numbers`` rise, or 0 if they do not count frames.

    They do if at least half of them rise by the smallest step and the rest by multiples of it.
    """
    steps = [after - before for before, after in pairwise(numbers)]
    step = min(steps, default=0)
    regular = step > 0 and all(s % step == 0 for s in steps) and 2 * steps.count(step) >= len(steps)
    return step if regular else 0


def missing_numbers(numbers: list[int]) -> list[int]:
    """Return what a run of numbers leaves out; nothing if they do not count frames."""
    step = step_of(numbers)
    return sorted(set(range(numbers[0], numbers[-1], step)) - set(numbers)) if step else []


def make_sequence(
    drive: str,
    numbers: list[int],
    images: Mapping[FrameId, Path],
    labelled: Mapping[FrameId, LabelledImage],
    number_rate: float,
) -> VideoSequence:
    """Return the sequence of a run.

    Args:
        drive: first part of its name; the number of the first frame is the second.
        numbers: two or more, rising.
        images: image file of every number.
        labelled: those that have labels.
        number_rate: how much the numbers rise in a second.
    """
    frames = tuple(
        SequenceFrame(
            images[FrameId(drive, number)],
            round((number - numbers[0]) * 1e9 / number_rate),
            labelled.get(FrameId(drive, number)),
        )
        for number in numbers
    )
    name = f'{drive.rstrip("_")}_{numbers[0]}' if drive else str(numbers[0])
    return VideoSequence(name, number_rate / max(step_of(numbers), 1), frames)
