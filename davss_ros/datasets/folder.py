# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The plain layout, ``images/<name>`` and ``labels/<name>`` with class ids or their colours, as a listing."""

import re
from pathlib import Path

from davss_ros.datasets.camvid_names import NUMBER_RATE, original_frame
from davss_ros.datasets.coding import IdsOrColors, LabelCoding
from davss_ros.datasets.listing import Listing, Request, numbered_listing
from davss_ros.datasets.sequence import FrameId, step_of
from davss_ros.datasets.stills import LabelledImage, files_by_stem
from davss_ros.images.files import IMAGE_SUFFIXES
from davss_ros.images.labels import LABEL_SUFFIXES
from davss_ros.images.names import natural_order
from davss_ros.recordings.frame import FOLDER_RATE

_NUMBERED = re.compile(r'(.*?)(\d+)')


def is_folder(path: Path) -> bool:
    """Tell whether ``path`` holds ``images`` and ``labels``."""
    return (path / 'images').is_dir() and (path / 'labels').is_dir()


def list_folder(request: Request) -> Listing:
    """List consecutive frames; numbers at the end of the names say where some are missing."""
    images = files_by_stem(request.path / 'images', IMAGE_SUFFIXES)
    labels = files_by_stem(request.path / 'labels', LABEL_SUFFIXES)
    return list_pairs(images, labels, IdsOrColors(request.classes, request.ids), request)


def list_stills(request: Request) -> Listing:
    """List unrelated images."""
    images = files_by_stem(request.path / 'images', IMAGE_SUFFIXES)
    labels = files_by_stem(request.path / 'labels', LABEL_SUFFIXES)
    problems = [] if request.partly_labelled else unlabelled(images, labels)
    problems += [f'{labels[name]}: no image of that name' for name in labels if name not in images]
    coding = IdsOrColors(request.classes, request.ids)
    stills = (LabelledImage(images[name], labels[name], coding) for name in images if name in labels)
    return Listing(tuple(stills), (), tuple(problems))


def list_pairs(images: dict[str, Path], labels: dict[str, Path], coding: LabelCoding, request: Request) -> Listing:
    """List consecutive frames and their labels, both by name."""
    ids = frame_ids(sorted(images.keys() | labels.keys(), key=natural_order))
    original = all(original_frame(name) for name in ids)
    frame_rate = request.rate or (0.0 if original else FOLDER_RATE)
    return numbered_listing(
        {ids[name]: path for name, path in images.items()},
        {},
        {ids[name]: path for name, path in labels.items()},
        coding,
        number_rate=0.0 if frame_rate else NUMBER_RATE,
        frame_rate=frame_rate,
        problems=[] if request.partly_labelled else unlabelled(images, labels),
    )


def unlabelled(images: dict[str, Path], labels: dict[str, Path]) -> list[str]:
    """Return a line for every image without labels."""
    return [f'{images[name]}: no labels of that name' for name in images if name not in labels]


def frame_ids(names: list[str]) -> dict[str, FrameId]:
    """Return which frame each of the ``names``, in natural order, means.

    If all end in numbers that count frames (see `step_of`), what stands before the number is the drive; otherwise all
    are one drive in the order of their names.
    """
    found = {name: match for name in names if (match := _NUMBERED.fullmatch(name))}
    ids = {name: original_frame(name) or FrameId(match[1], int(match[2])) for name, match in found.items()}
    drives: dict[str, list[int]] = {}
    for drive, number in sorted(ids.values()):
        drives.setdefault(drive, []).append(number)
    original = all(original_frame(name) for name in names)
    counting = all(step_of(numbers) or len(numbers) == 1 for numbers in drives.values())
    if len(set(ids.values())) == len(names) and (original or counting):
        return ids
    return {name: FrameId('', place) for place, name in enumerate(names)}
