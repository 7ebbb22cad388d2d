# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The size that a picture declares, read without decoding it.

A decoder allocates what the header says, so a few hundred bytes can cost gigabytes; this looks first.
"""

from davss_ros.errors import FrameError
from davss_ros.images.tiff import HEIGHT, TIFF_STARTS, WIDTH, tiff_tags

LARGEST_SIDE = 8192  # px; a declared size beyond it is refused
JPEG_START, PNG_START, BMP_START = b'\xff\xd8', b'\x89PNG\r\n\x1a\n', b'BM'
_NOT_SIZES = (0xC4, 0xC8, 0xCC)  # among 0xC0 to 0xCF: Huffman tables, reserved, arithmetic conditioning
_ALONE = (0x01, *range(0xD0, 0xD8))  # markers without a length


def declared_size(data: bytes) -> tuple[int, int]:
    """Return (height, width) in px of a jpeg, png, webp, tiff or bmp.

    Raises:
        FrameError: another kind of data, or cut off or damaged before the size.
    """
    if data.startswith(JPEG_START):
        return _jpeg_size(data)
    if data.startswith(PNG_START):
        return _png_size(data)
    if is_webp(data):
        return _webp_size(data)
    if data.startswith(TIFF_STARTS):
        return _tiff_size(data)
    if data.startswith(BMP_START):
        return _bmp_size(data)
    raise FrameError(
        f'data: expected a jpeg, png, webp, tiff or bmp image, found {len(data)} bytes'
        + (f' starting {data[:8].hex()}' if data else '')
    )


def check_size(height: int, width: int) -> None:
    """Raise `FrameError` unless both sides, px, are within `LARGEST_SIDE`."""
    if not (0 < height <= LARGEST_SIDE and 0 < width <= LARGEST_SIDE):
        raise FrameError(f'size: expected sides of 1 to {LARGEST_SIDE} px, found {width}x{height}')


def is_webp(data: bytes) -> bool:
    """Tell whether ``data`` starts as a webp file."""
    return data[:4] == b'RIFF' and data[8:12] == b'WEBP'


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Walk the segments up to the frame header (ITU-T T.81, annex B)."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:  # fill bytes, and markers that stand alone
            at += 1 if marker == 0xFF else 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_SIZES and at + 9 <= len(data):
            if data[at + 4] != 8:
                raise FrameError(f'data: expected a jpeg image of 8 bits a sample, found {data[at + 4]}')
            return int.from_bytes(data[at + 5 : at + 7], 'big'), int.from_bytes(data[at + 7 : at + 9], 'big')
        at += 2 + int.from_bytes(data[at + 2 : at + 4], 'big')
    raise FrameError(f'data: broken jpeg image: no size in its {len(data)} bytes')


def _png_size(data: bytes) -> tuple[int, int]:
    """Read the first chunk, and see that no chunk claims more than there is (PNG specification, section 5)."""
    if len(data) < 33 or data[12:16] != b'IHDR':
        raise FrameError(f'data: broken png image: no size in its {len(data)} bytes')
    at = 8
    while at + 12 <= len(data):
        at += 12 + int.from_bytes(data[at : at + 4], 'big')
    if at > len(data):
        raise FrameError(f'data: broken png image: a chunk reaches {at - len(data)} bytes beyond the end')
    return int.from_bytes(data[20:24], 'big'), int.from_bytes(data[16:20], 'big')


def _webp_size(data: bytes) -> tuple[int, int]:
    """Read the first chunk (WebP container specification; RFC 6386, 9.1, for VP8; RFC 9649, 3.4, for VP8L)."""
    kind, at = data[12:16], 20
    if int.from_bytes(data[4:8], 'little') + 8 > len(data) or len(data) < at + 10:
        raise FrameError(f'data: broken webp image: cut off after {len(data)} bytes')
    if kind == b'VP8X':
        return 1 + int.from_bytes(data[at + 7 : at + 10], 'little'), 1 + int.from_bytes(data[at + 4 : at + 7], 'little')
    if kind == b'VP8L' and data[at] == 0x2F:
        bits = int.from_bytes(data[at + 1 : at + 5], 'little')
        return 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)
    if kind == b'VP8 ' and data[at + 3 : at + 6] == b'\x9d\x01\x2a':
        width, height = (int.from_bytes(data[at + n : at + n + 2], 'little') & 0x3FFF for n in (6, 8))
        return height, width
    raise FrameError(f'data: broken webp image: no size in its {len(data)} bytes')


def _bmp_size(data: bytes) -> tuple[int, int]:
    """Read the header; one of 12 bytes has 16-bit sides, and a negative height means rows from the top."""
    if len(data) < 26:
        raise FrameError(f'data: broken bmp image: no size in its {len(data)} bytes')
    wide = 2 if int.from_bytes(data[14:18], 'little') == 12 else 4
    width, height = (int.from_bytes(data[18 + n : 18 + n + wide], 'little', signed=wide == 4) for n in (0, wide))
    return abs(height), width


def _tiff_size(data: bytes) -> tuple[int, int]:
    """Read the first directory."""
    found = {field.tag: field.value for field in tiff_tags(data)}
    if WIDTH not in found or HEIGHT not in found:
        raise FrameError(f'data: broken tiff image: no size in its {len(data)} bytes')
    return found[HEIGHT], found[WIDTH]
