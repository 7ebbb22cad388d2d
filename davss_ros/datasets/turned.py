# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Labelled images that say that they are to be turned, so that nobody knows on which pixels their labels lie.

Pixels count as they are stored (`davss_ros.images`); who drew the labels may have seen them turned.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path

from davss_ros.datasets.stills import LabelledImage
from davss_ros.errors import FrameError
from davss_ros.images.header import declared_size
from davss_ros.images.orientation import TRANSPOSED, meaning, orientation


def turned(pair: LabelledImage) -> Iterator[str]:
    """Yield a line for the image, and one for its label file, if they have such an orientation, with the way out."""
    if (value := orientation(pair.image_path)) != 1:
        yield (
            f'{pair.image_path}: EXIF orientation {value} ({meaning(value)}), but it has labels, and pixels count as '
            f'they are stored; {_way_out(pair, value)}'
        )
    if (value := orientation(pair.label_path)) != 1:
        yield (
            f'{pair.label_path}: EXIF orientation {value} ({meaning(value)}), but pixels count as they are stored; '
            f'{_drop(pair.label_path)} removes it, {_turn(pair.label_path)} turns the pixels'
        )


def _way_out(pair: LabelledImage, value: int) -> str:
    drop, turn = _drop(pair.image_path), _turn(pair.image_path)
    try:
        (height, width), labels = (declared_size(path.read_bytes()) for path in (pair.image_path, pair.label_path))
    except (OSError, FrameError):
        height = width = 0
        labels = (0, 0)
    if value in TRANSPOSED and height != width:
        if labels == (height, width):
            return f'its labels have the size of the stored pixels: {drop} removes the orientation'
        if labels == (width, height):
            return f'its labels have the size of the turned picture: {turn} turns the pixels'
    return f'if its labels lie on the stored pixels, {drop} removes it; if on the turned picture, {turn} turns it'


def _drop(path: Path) -> str:
    return f'exiftool -Orientation= -overwrite_original {shlex.quote(str(path))}'


def _turn(path: Path) -> str:
    return f'mogrify -auto-orient {shlex.quote(str(path))}'
