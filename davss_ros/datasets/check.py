"""Everything that is wrong with a data set, found before something long starts on it."""

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import VOID
from davss_ros.datasets.dataset import Dataset
from davss_ros.datasets.sequence import VideoSequence
from davss_ros.datasets.stills import LabelledImage
from davss_ros.errors import DataError, FrameError
from davss_ros.images.files import read_image
from davss_ros.images.integrity import whole_size

_Size = tuple[int, int]


@dataclass(frozen=True)
class Findings:
    """What the files hold."""

    problems: tuple[str, ...]  # each starts with the path of its file
    images: int  # files, labelled or not
    labels: int  # files
    pixels: tuple[int, ...]  # per class, over all readable labels
    void: int  # pixels


def check(dataset: Dataset, progress: Callable[[], object] = lambda: None) -> Findings:
    """Return the findings of `examine` if nothing is wrong.

    Raises:
        DataError: a line for every problem.
    """
    findings = examine(dataset, progress)
    if findings.problems:
        count = len(findings.problems)
        raise DataError('\n'.join([f'{dataset.path}: {count} problem{"" if count == 1 else "s"}:', *findings.problems]))
    return findings


def examine(dataset: Dataset, progress: Callable[[], object] = lambda: None) -> Findings:
    """Read every file and return what is wrong.

    Problems: what the names show (missing frames, labels without image); files that are damaged; labels of another size
    than their image, or that hold unknown colours or ids; images of another size than the rest of their sequence.

    Labelled images and their labels are decoded, on all cores; the other frames are read and checked without decoding
    (`davss_ros.images.integrity.whole_size`). One core takes 4 ms for a labelled image of 480x360 and 90 ms for one of
    2048x1024 (the 500 of Cityscapes' validation split: 45 s); for another frame of that size 3 ms and what the disk
    takes for its 2 to 4 MB.

    Args:
        dataset: what to read.
        progress: called `count_images` times, from this thread.
    """
    jobs = _images(dataset)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reports = {}
        results = pool.map(lambda job: _examine(job[0], job[1], len(dataset.classes)), jobs.items())
        for path, report in zip(jobs, results, strict=True):
            reports[path] = report
            progress()
    problems = [*dataset.problems, *(line for path in sorted(reports) for line in reports[path].problems)]
    sizes = {path: report.size for path, report in reports.items() if report.size}
    problems += [line for sequence in dataset.sequences for line in _odd_sizes(sequence, sizes)]
    counted = {one.label_path: reports[path].ids for path, one in jobs.items() if one}  # a still may also be a frame
    ids = sum(counted.values(), np.zeros(VOID + 1, np.int64))
    return Findings(
        tuple(problems), len(jobs), len(counted), tuple(ids[: len(dataset.classes)].tolist()), int(ids[VOID])
    )


def count_images(dataset: Dataset) -> int:
    """Return how many image files there are."""
    return len(_images(dataset))


@dataclass(frozen=True)
class _Report:
    problems: list[str]
    size: _Size | None
    ids: NDArray[np.int64]  # (256,) pixels of every id


def _images(dataset: Dataset) -> dict[Path, LabelledImage | None]:
    images = {frame.image_path: frame.labelled for sequence in dataset.sequences for frame in sequence.frames}
    return {**images, **{still.image_path: still for still in dataset.stills}}


def _examine(path: Path, labelled: LabelledImage | None, classes: int) -> _Report:
    ids: NDArray[np.int64] = np.zeros(VOID + 1, np.int64)
    problems: list[str] = []
    size = _size(path, problems)
    if labelled is None:
        return _Report(problems, size, ids)
    if size is not None:
        try:
            read_image(path)
        except DataError as error:
            problems.append(str(error))
    if (label_size := _size(labelled.label_path, problems)) is not None:
        try:
            ids += np.bincount(labelled.labels(classes).ravel(), minlength=VOID + 1)
        except DataError as error:
            problems.append(str(error))
    if size and label_size and size != label_size:
        problems.append(f'{labelled.label_path}: {_text(label_size)}, but its image {path.name} is {_text(size)}')
    return _Report(problems, size, ids)


def _size(path: Path, problems: list[str]) -> _Size | None:
    """Return (height, width), or None after adding a problem."""
    try:
        return whole_size(path.read_bytes())
    except (OSError, FrameError) as error:
        problems.append(f'{path}: {str(error).removeprefix("data: ")}')
        return None


def _odd_sizes(sequence: VideoSequence, sizes: dict[Path, _Size]) -> list[str]:
    """Return a line for every image that is not as large as most of its sequence."""
    found = [(frame.image_path, sizes[frame.image_path]) for frame in sequence.frames if frame.image_path in sizes]
    usual = Counter(size for _, size in found).most_common(1)
    return [
        f'{path}: {_text(size)}, but most of its sequence {sequence.name} is {_text(usual[0][0])}'
        for path, size in found
        if size != usual[0][0]
    ]


def _text(size: _Size) -> str:
    return f'{size[1]}x{size[0]}'
