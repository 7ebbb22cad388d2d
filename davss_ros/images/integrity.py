"""Tell whether an image file is whole, without decoding its pixels."""

import zlib

import cv2
import numpy as np

from davss_ros.errors import FrameError
from davss_ros.images.header import declared_size

_PNG_START, _JPEG_SCAN, _JPEG_END = b'\x89PNG\r\n\x1a\n', b'\xff\xda', b'\xff\xd9'


def whole_size(data: bytes) -> tuple[int, int]:
    """Return (height, width) in px of an image file that is whole.

    Of a png every checksum is compared; of a jpeg, which has none, its size and end must be there; others are decoded.

    Raises:
        FrameError: no image, or a damaged one.
    """
    if data.startswith(_PNG_START):
        size = declared_size(data)
        _check_png(data)
        return size
    if data.startswith(b'\xff\xd8'):
        size = declared_size(data)
        if not data.rfind(_JPEG_END) > data.rfind(_JPEG_SCAN) > 0:  # a thumbnail before the scan has an end as well
            raise FrameError(f'cut off: {len(data)} bytes without the end of a jpeg image')
        return size
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise FrameError(f'cannot be read as an image: {len(data)} bytes starting {data[:8].hex()}')
    return image.shape[0], image.shape[1]


def _check_png(data: bytes) -> None:
    """Compare the checksum of every chunk up to the last (PNG specification, section 5)."""
    at = len(_PNG_START)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], 'big')
        kind = data[at + 4 : at + 8]
        if zlib.crc32(memoryview(data)[at + 4 : end]) != int.from_bytes(data[end : end + 4], 'big'):
            raise FrameError(f'damaged: checksum of chunk {kind!r} at byte {at} differs')
        if kind == b'IEND':
            return
        at = end + 4
    raise FrameError(f'cut off: {len(data)} bytes without the end of a png image')
