# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The bytes of a picture to pixels, by the one rule of `davss_ros.images`."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from davss_ros.errors import FrameError
from davss_ros.images.bit_depth import BitDepth
from davss_ros.images.header import BMP_START, JPEG_START
from davss_ros.images.integrity import check_whole
from davss_ros.images.tiff import MULTIPLIED, TIFF_STARTS, plain_tiff


def stored_pixels(data: bytes) -> NDArray[Any]:
    """Return the pixels of a jpeg, png, webp, tiff or bmp as stored: (H, W) or (H, W, 3), blue first, without alpha.

    Of several pages or frames it is the first.

    Returns:
        uint8 or uint16.

    Raises:
        FrameError: no such picture, a damaged one, one too large, or of other numbers than 8 or 16 bits.
    """
    size = check_whole(data)
    if data.startswith(TIFF_STARTS):
        data = plain_tiff(data, MULTIPLIED)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError) as error:
        raise FrameError(f'data: broken image of {len(data)} bytes: {getattr(error, "err", error)}') from error
    if pixels is None:
        raise FrameError(f'data: broken image of {len(data)} bytes')
    if pixels.dtype not in (np.uint8, np.uint16):
        raise FrameError(f'data: expected pixels of 8 or 16 bits, found {pixels.dtype}')
    if pixels.shape[:2] != size:
        raise FrameError(f'data: broken image: {size[1]}x{size[0]} declared, {pixels.shape[1]}x{pixels.shape[0]} found')
    if pixels.ndim == 3 and pixels.shape[2] != 3:
        pixels = pixels[..., 0] if pixels.shape[2] < 3 else pixels[..., :3]
    return pixels


def whole_size(data: bytes) -> tuple[int, int]:
    """Return (height, width) in px of an image file that is whole; decoded only if nothing else can tell.

    Raises:
        FrameError: no image, or a damaged one.
    """
    size = check_whole(data)
    if data.startswith((BMP_START, *TIFF_STARTS)):
        stored_pixels(data)
    return size


def to_rgb(pixels: NDArray[Any], depth: BitDepth, *, red_first: bool = False) -> NDArray[np.uint8]:
    """Return stored pixels, (H, W) or (H, W, 3) of 8 or 16 bits, as (H, W, 3) uint8 RGB.

    Args:
        pixels: uint8 or uint16.
        depth: of 16 bits.
        red_first: the order of the channels; otherwise blue comes first.
    """
    if pixels.dtype == np.uint16:
        pixels = depth.to_eight(pixels)
    if pixels.ndim == 3 and red_first:
        return np.ascontiguousarray(pixels)
    conversion = cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB
    return cv2.cvtColor(np.ascontiguousarray(pixels), conversion).astype(np.uint8, copy=False)


def has_16_bits(data: bytes) -> bool:
    """Tell whether a picture, or its first bytes, may hold more than 8 bits a channel; a jpeg or webp never does."""
    return not data.startswith((JPEG_START, b'RIFF', b'BM')) and not (data[12:16] == b'IHDR' and data[24:25] != b'\x10')
