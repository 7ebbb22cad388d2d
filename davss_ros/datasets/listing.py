# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What every layout is asked for, and gives back: see `davss_ros.datasets.dataset`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from davss_ros.core.classes import VOID, SemanticClass
from davss_ros.datasets.coding import ClassIds, LabelCoding
from davss_ros.datasets.sequence import FrameId, VideoSequence, make_sequence, missing_numbers, split_runs, step_of
from davss_ros.datasets.stills import LabelledImage
from davss_ros.errors import DataError
from davss_ros.images.names import natural_order

SPLITS = ('train', 'val', 'test')
LONGEST_HOLE = 10  # numbers; what lies further apart are other sequences, rather than frames that are missing
_NUMBER = re.compile(r'\d+(?=(?:_leftImg8bit)?$)')


@dataclass(frozen=True)
class Request:
    """What `davss_ros.datasets.dataset.open_dataset` was asked for."""

    path: Path
    classes: tuple[SemanticClass, ...]
    splits: tuple[str, ...]  # empty if none was named
    rate: float  # Hz, 0 if not given
    partly_labelled: bool
    ids: ClassIds = ClassIds()  # noqa: RUF009  # frozen; of plain folders


@dataclass(frozen=True)
class Listing:
    """What was found; see `davss_ros.datasets.dataset.Dataset`."""

    stills: tuple[LabelledImage, ...]
    sequences: tuple[VideoSequence, ...]
    problems: tuple[str, ...]


def numbered_listing(
    frames: Mapping[FrameId, Path],
    stills: Mapping[FrameId, Path],
    labels: Mapping[FrameId, Path],
    coding: LabelCoding,
    *,
    codings: Mapping[FrameId, LabelCoding] | None = None,
    number_rate: float = 0.0,
    frame_rate: float = 0.0,
    longest_hole: int = LONGEST_HOLE,
    problems: Iterable[str] = (),
) -> Listing:
    """Return the listing of images whose numbers count frames; holes in the numbers are among its problems.

    Args:
        frames: images for the sequences.
        stills: images for the stills; where there is none, the frame is taken, and the other way round.
        labels: of either.
        coding: of the labels.
        codings: of those that are coded otherwise.
        number_rate: how much the numbers rise in a second, or
        frame_rate: frames in a second, whatever the numbers rise by.
        longest_hole: in numbers or, with ``frame_rate``, in frames; frames further apart are of different sequences.
        problems: already known.
    """
    images, alone = {**stills, **frames}, {**frames, **stills}
    found = [*problems, *(f'{path}: no image of that name' for key, path in labels.items() if key not in images)]
    codings = {**dict.fromkeys(labels, coding), **(codings or {})}
    labelled = {key: LabelledImage(images[key], path, codings[key]) for key, path in labels.items() if key in images}
    sequences = []
    drives: dict[str, list[int]] = {}
    for key in sorted(images, key=lambda key: (natural_order(key.drive), key.number)):
        drives.setdefault(key.drive, []).append(key.number)
    for drive, numbers in drives.items():
        step = 1 if number_rate else max(step_of(numbers), 1)
        for run in split_runs(numbers, longest_hole * step):
            if len(run) > 1:
                per_second = number_rate or frame_rate * step
                sequences.append(make_sequence(drive, run, images, labelled, per_second))
                first = images[FrameId(drive, run[0])]
                found += [f'{_renumber(first, number)}: missing' for number in missing_numbers(run)]
    single = tuple(
        LabelledImage(alone[key], labels[key], codings[key])
        for key in sorted(labelled, key=lambda key: (natural_order(key.drive), key.number))
    )
    return Listing(single, tuple(sequences), tuple(found))


def _renumber(path: Path, number: int) -> Path:
    """Return ``path`` with another frame number."""
    stem = _NUMBER.sub(lambda digits: f'{number:0{len(digits[0])}}', path.stem)
    return path.with_name(stem + path.suffix)


def class_ids(request: Request, groups: Mapping[str, str], listed: str) -> dict[str, int]:
    """Return the class id of every name of a data set.

    Args:
        request: says which classes, in whatever order.
        groups: name -> class that it belongs to; empty for void.
        listed: class lists that exist, for the message.

    Raises:
        DataError: the classes asked for are not those of ``groups``.
    """
    ids = {c.name: number for number, c in enumerate(request.classes)}
    if ids.keys() != {group for group in groups.values() if group}:
        raise DataError(f'{request.path}: its labels can be mapped to {listed}, not to {", ".join(ids)}')
    return {name: ids[group] if group else VOID for name, group in groups.items()}


def chosen_splits(request: Request, present: Iterable[str]) -> list[str]:
    """Return the splits to list.

    Raises:
        DataError: one is not among those ``present``, or none was named although there are several.
    """
    there = [split for split in (*SPLITS, *sorted(set(present) - {*SPLITS})) if split in set(present)]
    wanted = request.splits or tuple(there)
    wrong = [split for split in wanted if split not in there]
    if wrong or (not request.splits and len(there) > 1):
        found = ', '.join(request.splits) or 'none'
        expected = f'{", ".join(there)} (several as train,val)' if there else 'none'
        raise DataError(f'{request.path}: split: expected {expected}, found {found}')
    return list(wanted)
