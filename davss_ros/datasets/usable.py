# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Labelled data as it can be worked on: without what is broken, in sequences of one size."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from davss_ros.datasets.check import Findings, Size, examine
from davss_ros.datasets.dataset import Dataset
from davss_ros.datasets.sequence import VideoSequence
from davss_ros.errors import DataError

NAMED = 3  # broken files that are named; the rest are in the total


def usable(
    dataset: Dataset,
    say: Callable[[str], object],
    *,
    strict: bool = False,
    sizes_may_change: bool = False,
    progress: Callable[[], object] = lambda: None,
) -> tuple[Dataset, Findings]:
    """Return ``dataset`` without the images that cannot be read or whose labels cannot, and what `examine` found.

    A sequence is parted where a frame is left out, and where its size changes.

    Args:
        dataset: every file of it is read once.
        say: takes a line about what is left out or parted, and the notes of the findings.
        strict: broken files are errors.
        sizes_may_change: images of different sizes in a sequence are no errors.
        progress: see `examine`.

    Raises:
        DataError: anything else is wrong, all of it by name, or nothing is left.
    """
    findings = examine(dataset, progress)
    sizes = set(findings.odd_sizes if sizes_may_change else ())
    wrong = [line for line in findings.problems if line not in sizes]
    if wrong and (strict or not set(wrong) <= set(findings.broken.values())):
        raise DataError('\n'.join([f'{dataset.path}: {len(wrong)} problem{"s" * (len(wrong) > 1)}:', *wrong]))
    lines = list(findings.broken.values())
    if len(lines) == findings.images:
        raise DataError(f'{dataset.path}: none of {len(lines)} images can be used; first: {lines[0]}')
    for line in lines[:NAMED]:
        say(f'skipped: {line}')
    if len(lines) > 1:
        say(f'{dataset.path}: {len(lines)} of {findings.images} images skipped')
    stills = tuple(still for still in dataset.stills if still.image_path not in findings.broken)
    sequences = [
        part for sequence in dataset.sequences for part in _parts(sequence, findings.broken, findings.sizes, say)
    ]
    for note in findings.notes:
        say(note)
    return replace(dataset, stills=stills, sequences=tuple(sequences)), findings


def _parts(
    sequence: VideoSequence, broken: Collection[Path], sizes: Mapping[Path, Size], say: Callable[[str], object]
) -> Iterator[VideoSequence]:
    """Yield runs of two and more frames of one size, none of them broken."""
    found = [
        (size, tuple(frames))
        for size, frames in groupby(
            sequence.frames, lambda frame: None if frame.image_path in broken else sizes[frame.image_path]
        )
    ]
    runs = [frames for size, frames in found if size is not None and len(frames) > 1]
    distinct = list(dict.fromkeys(f'{size[1]}x{size[0]}' for size, _ in found if size is not None))
    if len(distinct) > 1:
        say(f'sequence {sequence.name}: sizes change ({", ".join(distinct)}): taken in {len(runs)} parts')
    for number, frames in enumerate(runs):
        name = sequence.name if len(runs) == 1 else f'{sequence.name}_part{number + 1}'
        yield replace(sequence, name=name, frames=frames)
