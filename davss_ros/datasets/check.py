# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Everything that is wrong with a data set, found before something long starts on it."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import VOID, SemanticClass
from davss_ros.datasets.dataset import Dataset
from davss_ros.datasets.sequence import VideoSequence
from davss_ros.datasets.stills import LabelledImage
from davss_ros.datasets.turned import turned
from davss_ros.errors import BrokenFileError, DataError, FrameError
from davss_ros.images.labels import LabelPicture, read_label
from davss_ros.images.names import natural_order
from davss_ros.images.pixels import whole_size

Size = tuple[int, int]
T = TypeVar('T')


@dataclass(frozen=True)
class Findings:
    """What the files hold."""

    problems: tuple[str, ...]  # each starts with the path of its file; those of the next two are among them
    broken: Mapping[Path, str]  # images that cannot be read, or whose labels cannot, each with its line
    odd_sizes: tuple[str, ...]  # lines about images of another size than the rest of their sequence
    sizes: Mapping[Path, Size]  # (height, width) of the images
    notes: tuple[str, ...]  # what is no problem, but should be said before a training
    images: int  # files, labelled or not
    labels: int  # files
    pixels: tuple[int, ...]  # per class, over all readable labels
    void: int  # pixels


def examine(dataset: Dataset, progress: Callable[[], object] = lambda: None) -> Findings:
    """Read every file and return what is wrong.

    Problems: what the names show (missing frames, labels without image); files that are damaged; labels of another size
    than their image, or that hold unknown colours or ids, or nothing but void; images of another size than the rest of
    their sequence; labelled images that say that they are to be turned (`davss_ros.datasets.turned`).

    Notes: classes without a pixel; palettes that contradict their indices.

    Labelled images and their labels are decoded, on all cores; the other frames are read and checked without decoding
    (`davss_ros.images.pixels.whole_size`). One core takes 4 ms for a labelled image of 480x360 and 90 ms for one of
    2048x1024 (the 500 of Cityscapes' validation split: 45 s); for another frame of that size 3 ms and what the disk
    takes for its 2 to 4 MB.

    Args:
        dataset: what to read.
        progress: called `count_images` times, from this thread.
    """
    jobs = _images(dataset)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reports = {}
        results = pool.map(lambda job: _examine(job[0], job[1], dataset.classes), jobs.items())
        for path, report in zip(jobs, results, strict=True):
            reports[path] = report
            progress()
    problems = [
        *dataset.problems,
        *(line for path in sorted(reports, key=natural_order) for line in reports[path].problems),
    ]
    sizes = {path: report.size for path, report in reports.items() if report.size}
    odd_sizes = tuple(line for sequence in dataset.sequences for line in _odd_sizes(sequence, sizes))
    problems += odd_sizes
    broken = {path: report.broken for path, report in reports.items() if report.broken}
    counted = {
        still.label_path: reports[path].ids for path, still in jobs.items() if still
    }  # a still may also be a frame
    ids = sum(counted.values(), np.zeros(VOID + 1, np.int64))
    pixels = tuple(ids[: len(dataset.classes)].tolist())
    if ids[VOID] and not any(pixels):
        problems.append(
            f'{dataset.path}: nothing but void in its {len(counted)} label files: nothing to learn, nothing to count'
        )
    notes = _notes(dataset, pixels, [report.odd_palette for report in reports.values()])
    return Findings(
        tuple(problems), broken, odd_sizes, sizes, tuple(notes), len(jobs), len(counted), pixels, int(ids[VOID])
    )


def count_images(dataset: Dataset) -> int:
    """Return how many image files there are."""
    return len(_images(dataset))


def _notes(dataset: Dataset, pixels: Sequence[int], odd_palettes: Sequence[bool]) -> Iterator[str]:
    never = [c.name for c, count in zip(dataset.classes, pixels, strict=True) if not count]
    if never and any(pixels):
        yield f'{dataset.path}: not one pixel of {", ".join(never)}'
    if any(odd_palettes):
        yield (
            f'{dataset.path}: the palettes of {sum(odd_palettes)} label files show their indices in the colours of '
            'other classes; indices count. If the colours are right, save them as RGB'
        )


@dataclass
class _Report:
    """What one image, with its labels if it has any, turned out to be."""

    problems: list[str] = field(default_factory=list)
    broken: str = ''  # the problem because of which it cannot be used at all
    size: Size | None = None
    ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros(VOID + 1, np.int64))  # (256,) pixels of every id
    odd_palette: bool = False  # see `_contradicts`


def _images(dataset: Dataset) -> dict[Path, LabelledImage | None]:
    images = {frame.image_path: frame.labelled for sequence in dataset.sequences for frame in sequence.frames}
    return {**images, **{still.image_path: still for still in dataset.stills}}


def _examine(path: Path, labelled: LabelledImage | None, classes: Sequence[SemanticClass]) -> _Report:
    report = _Report()
    if labelled is None:
        report.size = _read(lambda: whole_size(_data(path)), path, report)
        return report
    image = _read(labelled.image, path, report)
    report.size = None if image is None else (image.shape[0], image.shape[1])
    stored = _read(lambda: read_label(labelled.label_path), labelled.label_path, report)
    if stored is not None:
        ids = _read(lambda: labelled.decode(stored, len(classes)), labelled.label_path, report)
        if ids is not None:
            report.ids += np.bincount(ids.ravel(), minlength=VOID + 1)
            report.odd_palette = _contradicts(stored, classes)
        label_size = (stored.pixels.shape[0], stored.pixels.shape[1])
        if report.size and report.size != label_size:
            report.problems.append(
                f'{labelled.label_path}: {_text(label_size)}, but its image {path.name} is {_text(report.size)}'
            )
    report.problems += turned(labelled)
    return report


def _read(what: Callable[[], T], path: Path, report: _Report) -> T | None:
    """Return what is read, or None after adding a problem to ``report``."""
    try:
        return what()
    except (BrokenFileError, FrameError) as error:
        report.broken = str(error) if isinstance(error, DataError) else f'{path}: {error}'.replace(': data: ', ': ')
        report.problems.append(report.broken)
    except DataError as error:
        report.problems.append(str(error))
    return None


def _data(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BrokenFileError(f'{path}: cannot be read: {error.strerror or error}') from error


def _contradicts(stored: LabelPicture, classes: Sequence[SemanticClass]) -> bool:
    """Tell whether a palette shows every index in the colour of a class, and some of them in another's."""
    if stored.palette is None:
        return False
    numbers = {c.color: number for number, c in enumerate(classes)}
    table = [tuple(color) for color in stored.palette.tolist()]
    used = [index for index in np.unique(stored.pixels).tolist() if index != VOID and index < len(table)]
    return all(table[index] in numbers for index in used) and any(numbers[table[index]] != index for index in used)


def _odd_sizes(sequence: VideoSequence, sizes: dict[Path, Size]) -> list[str]:
    """Return a line for every image that is not as large as most of its sequence."""
    found = [(frame.image_path, sizes[frame.image_path]) for frame in sequence.frames if frame.image_path in sizes]
    usual = Counter(size for _, size in found).most_common(1)
    return [
        f'{path}: {_text(size)}, but most of its sequence {sequence.name} is {_text(usual[0][0])}'
        for path, size in found
        if size != usual[0][0]
    ]


def _text(size: Size) -> str:
    return f'{size[1]}x{size[0]}'
