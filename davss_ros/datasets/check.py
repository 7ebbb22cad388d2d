"""Everything that is wrong with a data set, found before something long starts on it."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import VOID, SemanticClass
from davss_ros.datasets.dataset import Dataset
from davss_ros.datasets.sequence import VideoSequence
from davss_ros.datasets.stills import LabelledImage
from davss_ros.datasets.turned import turned
from davss_ros.errors import DataError, FrameError
from davss_ros.images.labels import read_label
from davss_ros.images.names import natural_order
from davss_ros.images.pixels import whole_size

_Size = tuple[int, int]


@dataclass(frozen=True)
class Findings:
    """What the files hold."""

    problems: tuple[str, ...]  # each starts with the path of its file
    notes: tuple[str, ...]  # what is no problem, but should be said before a training
    images: int  # files, labelled or not
    labels: int  # files
    pixels: tuple[int, ...]  # per class, over all readable labels
    void: int  # pixels


def check(
    dataset: Dataset, progress: Callable[[], object] = lambda: None, say: Callable[[str], object] = lambda _: None
) -> Findings:
    """Return the findings of `examine` if nothing is wrong, and ``say`` its notes.

    Raises:
        DataError: a line for every problem.
    """
    findings = examine(dataset, progress)
    if findings.problems:
        count = len(findings.problems)
        raise DataError('\n'.join([f'{dataset.path}: {count} problem{"" if count == 1 else "s"}:', *findings.problems]))
    for note in findings.notes:
        say(note)
    return findings


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
    problems += [line for sequence in dataset.sequences for line in _odd_sizes(sequence, sizes)]
    counted = {one.label_path: reports[path].ids for path, one in jobs.items() if one}  # a still may also be a frame
    ids = sum(counted.values(), np.zeros(VOID + 1, np.int64))
    pixels = tuple(ids[: len(dataset.classes)].tolist())
    if ids[VOID] and not any(pixels):
        problems.append(f'{dataset.path}: nothing but void in its {len(counted)} label files, so nothing to learn')
    notes = _notes(dataset, pixels, [report.odd_palette for report in reports.values()])
    return Findings(tuple(problems), tuple(notes), len(jobs), len(counted), pixels, int(ids[VOID]))


def palette_contradicts(pair: LabelledImage, classes: Sequence[SemanticClass]) -> bool:
    """Tell whether a palette shows every index of a label file in the colour of a class, and some in another's."""
    stored = read_label(pair.label_path)
    if stored.palette is None:
        return False
    numbers = {one.color: number for number, one in enumerate(classes)}
    table = [tuple(color) for color in stored.palette.tolist()]
    used = [index for index in np.unique(stored.pixels).tolist() if index != VOID and index < len(table)]
    return all(table[index] in numbers for index in used) and any(numbers[table[index]] != index for index in used)


def count_images(dataset: Dataset) -> int:
    """Return how many image files there are."""
    return len(_images(dataset))


def _notes(dataset: Dataset, pixels: Sequence[int], odd_palettes: Sequence[bool]) -> Iterator[str]:
    never = [one.name for one, count in zip(dataset.classes, pixels, strict=True) if not count]
    if never and any(pixels):
        yield f'{dataset.path}: not one pixel of {", ".join(never)}'
    if any(odd_palettes):
        yield (
            f'{dataset.path}: the palettes of {sum(odd_palettes)} label files show their indices in the colours of '
            'other classes; indices count. If the colours are right, save them as RGB'
        )


@dataclass(frozen=True)
class _Report:
    problems: list[str]
    size: _Size | None
    ids: NDArray[np.int64]  # (256,) pixels of every id
    odd_palette: bool = False  # a palette that shows the indices in the colours of other classes


def _images(dataset: Dataset) -> dict[Path, LabelledImage | None]:
    images = {frame.image_path: frame.labelled for sequence in dataset.sequences for frame in sequence.frames}
    return {**images, **{still.image_path: still for still in dataset.stills}}


def _examine(path: Path, labelled: LabelledImage | None, classes: Sequence[SemanticClass]) -> _Report:
    ids: NDArray[np.int64] = np.zeros(VOID + 1, np.int64)
    odd_palette = False
    problems: list[str] = []
    size = _size(path, problems)
    if labelled is None:
        return _Report(problems, size, ids)
    if size is not None:
        try:
            labelled.image()
        except DataError as error:
            problems.append(str(error))
    if (label_size := _size(labelled.label_path, problems)) is not None:
        try:
            ids += np.bincount(labelled.labels(len(classes)).ravel(), minlength=VOID + 1)
            odd_palette = palette_contradicts(labelled, classes)
        except DataError as error:
            problems.append(str(error))
    if size and label_size and size != label_size:
        problems.append(f'{labelled.label_path}: {_text(label_size)}, but its image {path.name} is {_text(size)}')
    problems += turned(labelled)
    return _Report(problems, size, ids, odd_palette)


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
