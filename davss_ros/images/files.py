# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Picture files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from davss_ros.errors import BrokenFileError, DataError, FrameError
from davss_ros.images.bit_depth import BitDepth
from davss_ros.images.header import declared_size
from davss_ros.images.pixels import has_16_bits, stored_pixels, to_rgb

FIRST = 8  # pictures that decide a common bit depth
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')


def read_image(path: Path, depth: BitDepth | None = None) -> NDArray[np.uint8]:
    """Return the picture at ``path`` as (H, W, 3) uint8 RGB, its pixels as stored.

    Args:
        path: a file of one of `IMAGE_SUFFIXES`, by its content.
        depth: of the stream that a 16-bit picture belongs to; by itself it has its own.

    Raises:
        BrokenFileError: it cannot be read.
        DataError: it does not fit ``depth``.
    """
    try:
        return to_rgb(_stored(path), depth or BitDepth(say=lambda _: None))
    except FrameError as error:
        raise DataError(f'{path}: {error}') from error


def declared_file_size(path: Path) -> tuple[int, int]:
    """Return (height, width), px, that the picture at ``path`` declares; `BrokenFileError` if it declares none."""
    try:
        return declared_size(path.read_bytes())
    except OSError as error:
        raise BrokenFileError(f'{path}: cannot be read: {error.strerror or error}') from error
    except FrameError as error:
        raise BrokenFileError(f'{path}: {str(error).removeprefix("data: ")}') from error


def common_depth(paths: Iterable[Path], depth: BitDepth) -> BitDepth:
    """Let ``depth`` look at the first `FIRST` of 16 bits, and no others: the order in which they are read is free."""
    left = 0 if depth.chosen else FIRST
    for path in paths:
        if not left:
            break
        try:
            with path.open('rb') as file:
                wide = has_16_bits(file.read(32))
            if wide:
                left -= 1
                if (pixels := _stored(path)).dtype == np.uint16:
                    depth.to_eight(pixels)
        except (OSError, FrameError, DataError):
            continue  # said by whoever reads it
    depth.fix()
    return depth


def _stored(path: Path) -> NDArray[Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BrokenFileError(f'{path}: cannot be read: {error.strerror or error}') from error
    try:
        return stored_pixels(data)
    except FrameError as error:
        raise BrokenFileError(f'{path}: cannot be read as an image: {str(error).removeprefix("data: ")}') from error
