# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Cityscapes (Cordts et al., CVPR 2016): snippets of 30 frames, the 20th of each with fine labels.

Labels are read from ``*_labelIds.png`` or, of frames that lack these, from ``*_labelTrainIds.png``.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from davss_ros.core.classes import VOID
from davss_ros.datasets.coding import LabelCoding, OtherIds
from davss_ros.datasets.listing import LONGEST_HOLE, Listing, Request, chosen_splits, class_ids, numbered_listing
from davss_ros.datasets.sequence import FrameId

NUMBER_RATE = 17.0  # Hz
BEFORE, AFTER = 19, 10  # frames of the snippet around the labelled one
_VIDEO, _STILLS, _LABELS = 'leftImg8bit_sequence', 'leftImg8bit', 'gtFine'
_IDS, _TRAIN_IDS = 'labelIds', 'labelTrainIds'
_FRAME = re.compile(r'(.+_\d{6})_(\d{6})')
# Names by label id (cityscapesScripts, labels.py); the licence plate, -1, is in no image. The 19 training classes are
# those of the shipped list; the others are void.
NAMES = (
    *('unlabeled', 'ego vehicle', 'rectification border', 'out of roi', 'static', 'dynamic', 'ground', 'road'),
    *('sidewalk', 'parking', 'rail track', 'building', 'wall', 'fence', 'guard rail', 'bridge', 'tunnel', 'pole'),
    *('polegroup', 'traffic light', 'traffic sign', 'vegetation', 'terrain', 'sky', 'person', 'rider', 'car', 'truck'),
    *('bus', 'caravan', 'trailer', 'train', 'motorcycle', 'bicycle'),
)
_IGNORED = (*range(7), 9, 10, 14, 15, 16, 18, 29, 30)


def is_cityscapes(path: Path) -> bool:
    """Tell whether ``path`` holds ``leftImg8bit_sequence`` or ``leftImg8bit``."""
    return (path / _VIDEO).is_dir() or (path / _STILLS).is_dir()


def list_cityscapes(request: Request) -> Listing:
    """List snippets and stills; of a snippet with labels, every frame that is not there is a problem."""
    present = {folder.name for part in (_VIDEO, _STILLS) for folder in (request.path / part).glob('*/')}
    groups = {name: '' if number in _IGNORED else name for number, name in enumerate(NAMES)}
    ids = class_ids(request, groups, 'cityscapes19')
    coding = OtherIds({number: ids[name] for number, name in enumerate(NAMES)}, f'ids 0..{len(NAMES) - 1}')
    frames: dict[FrameId, Path] = {}
    stills: dict[FrameId, Path] = {}
    labels: dict[FrameId, Path] = {}
    by_train_ids: dict[FrameId, Path] = {}
    for split in chosen_splits(request, present):
        frames.update(_files(request.path / _VIDEO / split, '_leftImg8bit.png'))
        stills.update(_files(request.path / _STILLS / split, '_leftImg8bit.png'))
        labels.update(_files(request.path / _LABELS / split, f'_gtFine_{_IDS}.png'))
        by_train_ids.update(_files(request.path / _LABELS / split, f'_gtFine_{_TRAIN_IDS}.png'))
    codings = {frame: _train_ids(ids) for frame in by_train_ids.keys() - labels.keys()}
    labels = {**by_train_ids, **labels}
    problems = list(_incomplete(frames, labels))
    if stills and not frames and not labels:
        problems.append(
            f'{request.path / _LABELS}: expected *_gtFine_{_IDS}.png or *_gtFine_{_TRAIN_IDS}.png for the '
            f'{len(stills)} images in {_STILLS}, found none'
        )
    return numbered_listing(
        frames,
        stills,
        labels,
        coding,
        number_rate=NUMBER_RATE,
        longest_hole=1 if labels else LONGEST_HOLE,
        codings=codings,
        problems=problems,
    )


def _train_ids(ids: dict[str, int]) -> LabelCoding:
    """Return the coding by training ids: the classes that count, in the order of their label ids."""
    names = [name for number, name in enumerate(NAMES) if number not in _IGNORED]
    table = {number: ids[name] for number, name in enumerate(names)}
    return OtherIds({**table, VOID: VOID}, f'training ids 0..{len(names) - 1} or {VOID} (void)')


def _files(folder: Path, end: str) -> Iterator[tuple[FrameId, Path]]:
    for path in sorted(folder.glob(f'*/*{end}')):
        match = _FRAME.fullmatch(path.name.removesuffix(end))
        if match and not path.name.startswith('.'):
            yield FrameId(match[1], int(match[2])), path


def _incomplete(frames: dict[FrameId, Path], labels: dict[FrameId, Path]) -> Iterator[str]:
    """Yield a line for every missing frame of the snippets of ``labels``, in cities that have any frames."""
    folders = {path.parent.name: path.parent for path in frames.values()}
    for (drive, labelled), path in labels.items():
        folder = folders.get(path.parent.name)
        if folder is not None:
            for number in range(labelled - BEFORE, labelled + AFTER + 1):
                if FrameId(drive, number) not in frames:
                    yield f'{folder / f"{drive}_{number:06}_leftImg8bit.png"}: missing'
