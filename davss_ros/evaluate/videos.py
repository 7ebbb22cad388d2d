# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What is evaluated: videos of which all frames, or some, are labelled; read when needed, not kept."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from davss_ros.datasets.dataset import Dataset
from davss_ros.datasets.stills import LabelledImage
from davss_ros.errors import DataError
from davss_ros.images.files import read_image

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class EvaluationFrame:
    """One frame of a video.

    Attributes:
        name: for messages and the report, such as its file's.
        image: gives (H, W, 3) uint8 RGB.
        labels: gives (H, W) uint8 class ids, 255 where there is none; None for a frame without labels.
        label_name: for messages; by default the frame's.
        stamp: ns from the first frame of its video; None for images without a time.
    """

    name: str
    image: Callable[[], Image]
    labels: Callable[[], Image] | None = None
    label_name: str = ''
    stamp: int | None = None

    def labels_of(self, image: Image) -> Image:
        """Return the labels; `DataError` unless they have the size of ``image``."""
        assert self.labels is not None
        labels = self.labels()
        if labels.shape != image.shape[:2]:
            (height, width), (found_height, found_width) = image.shape[:2], labels.shape
            raise DataError(
                f'{self.label_name or self.name}: expected the size of its image, {width}x{height}, '
                f'found {found_width}x{found_height}'
            )
        return labels


Video = Sequence[EvaluationFrame]  # consecutive frames


@dataclass(frozen=True)
class Run:
    """One key frame and the frames after it."""

    video: int  # which video
    start: int  # the key frame
    last: int  # the last frame that is needed


def dataset_videos(dataset: Dataset) -> list[Video]:
    """Return the sequences of ``dataset``; one that has none, but stills, as one video of unrelated frames."""
    classes = len(dataset.classes)
    if not dataset.sequences:
        return [[_labelled(still, classes) for still in dataset.stills]]
    return [
        [
            EvaluationFrame(frame.image_path.stem, partial(read_image, frame.image_path), stamp=frame.stamp)
            if frame.labelled is None
            else _labelled(frame.labelled, classes, frame.stamp)
            for frame in sequence.frames
        ]
        for sequence in dataset.sequences
    ]


def _labelled(pair: LabelledImage, classes: int, stamp: int | None = None) -> EvaluationFrame:
    return EvaluationFrame(pair.name, pair.image, partial(pair.labels, classes), str(pair.label_path), stamp)


def check_videos(videos: Sequence[Video]) -> None:
    """Read every labelled frame once.

    Raises:
        DataError: files are unreadable, hold wrong ids or differ in size; every one is named.
    """
    complaints = list(_complaints(frame for video in videos for frame in video))
    if complaints:
        raise DataError('\n'.join(complaints))


def plan_runs(videos: Sequence[Video], longest: int, interval: int = 0) -> list[Run]:
    """Return the runs that bring every labelled frame to every distance up to ``longest``.

    A frame counts if it has ``longest`` frames before it. With ``interval`` (at most longest + 1) the runs also reach
    the frame before each labelled one at distance ``interval`` - 1.

    Raises:
        DataError: no frame counts.
    """
    runs = []
    for number, video in enumerate(videos):
        counted = {t for t in range(longest, len(video)) if video[t].labels is not None}
        for start in range(len(video)):
            ahead = [t for t in range(start, start + max(longest, interval) + 1) if t in counted]
            if ahead:
                runs.append(Run(number, start, min(start + longest, ahead[-1])))
    if not runs:
        found = max((len(video) for video in videos), default=0)
        raise DataError(
            f'frames: expected labelled ones with {longest} frames before them, as the longest distance needs; found '
            f'none in {len(videos)} video{"s" * (len(videos) != 1)} of up to {found} frames'
        )
    return runs


def _complaints(frames: Iterator[EvaluationFrame]) -> Iterator[str]:
    for frame in frames:
        if frame.labels is not None:
            try:
                frame.labels_of(frame.image())
            except DataError as error:
                yield str(error)
