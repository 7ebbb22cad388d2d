# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Stills by the drive on which they were taken: those of one drive look alike, so one is left out as a whole."""

from collections.abc import Sequence
from dataclasses import replace

from davss_ros.datasets.dataset import Dataset
from davss_ros.datasets.stills import LabelledImage
from davss_ros.errors import DataError


def split_drive(
    stills: Sequence[LabelledImage], drive: str
) -> tuple[tuple[LabelledImage, ...], tuple[LabelledImage, ...]]:
    """Return the stills of a drive, and all others.

    Args:
        stills: what there is.
        drive: what the names of the drive's stills begin with, such as ``0006R0``.

    Raises:
        DataError: no still's name begins so, or every one's does.
    """
    inside = tuple(still for still in stills if still.name.startswith(drive))
    outside = tuple(still for still in stills if not still.name.startswith(drive))
    if not inside or not outside:
        beginnings = ', '.join(sorted({still.name.split('_')[0] for still in stills})[:8])
        found = 'every one' if inside else 'none'
        raise DataError(f'drive: expected what some names begin with ({beginnings}), found {drive!r}, {found}')
    return inside, outside


def halves(
    stills: Sequence[LabelledImage], share: float
) -> tuple[tuple[LabelledImage, ...], tuple[LabelledImage, ...]]:
    """Return the first ``share`` (0 to 1) of the stills, in their order, and the rest: what serves two purposes."""
    count = round(share * len(stills))
    return tuple(stills[:count]), tuple(stills[count:])


def without_drive(dataset: Dataset, drive: str) -> Dataset:
    """Return ``dataset`` without the stills of a drive, and without the sequences that hold frames of it.

    Raises:
        DataError: as `split_drive`.
    """
    sequences = (
        sequence
        for sequence in dataset.sequences
        if not any(f.image_path.stem.startswith(drive) for f in sequence.frames)
    )
    return replace(dataset, stills=split_drive(dataset.stills, drive)[1], sequences=tuple(sequences))
