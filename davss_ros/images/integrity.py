# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Tell whether an image file is whole, without decoding its pixels where that can be done."""

import zlib

from davss_ros.errors import FrameError
from davss_ros.images.header import JPEG_START, PNG_START, check_size, declared_size

_JPEG_SCAN, _JPEG_END = b'\xff\xda', b'\xff\xd9'


def check_whole(data: bytes) -> tuple[int, int]:
    """Return (height, width) in px of an image, as declared, if what can be told without decoding is in order.

    Of a png every checksum is compared; of a jpeg, which has none, its size and end must be there; a webp says how long
    it is. Of tiff and bmp only a decoder can tell.

    Raises:
        FrameError: no image, a damaged or cut off one, or one larger than any that is read.
    """
    size = declared_size(data)
    check_size(*size)
    if data.startswith(PNG_START):
        _check_png(data)
    # a thumbnail before the scan has an end as well
    if data.startswith(JPEG_START) and not data.rfind(_JPEG_END) > data.rfind(_JPEG_SCAN) > 0:
        raise FrameError(f'data: cut off: {len(data)} bytes without the end of a jpeg image')
    return size


def _check_png(data: bytes) -> None:
    """Compare the checksum of every chunk up to the last (PNG specification, section 5)."""
    at = len(PNG_START)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], 'big')
        kind = data[at + 4 : at + 8]
        if zlib.crc32(memoryview(data)[at + 4 : end]) != int.from_bytes(data[end : end + 4], 'big'):
            raise FrameError(f'data: damaged: checksum of chunk {kind!r} at byte {at} differs')
        if kind == b'IEND':
            return
        at = end + 4
    raise FrameError(f'data: cut off: {len(data)} bytes without the end of a png image')
