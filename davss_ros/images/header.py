"""The size that a jpeg or png declares, read without decoding it.

A decoder allocates what the header says, so a few hundred bytes can cost gigabytes; this looks first.
"""

from davss_ros.errors import FrameError

_JPEG_START, _PNG_START = b'\xff\xd8', b'\x89PNG\r\n\x1a\n'
_NOT_SIZES = (0xC4, 0xC8, 0xCC)  # among 0xC0 to 0xCF: Huffman tables, reserved, arithmetic conditioning
_ALONE = (0x01, *range(0xD0, 0xD8))  # markers without a length


def declared_size(data: bytes) -> tuple[int, int]:
    """Return (height, width) in px.

    Raises:
        FrameError: neither jpeg nor png, or cut off or damaged before the size.
    """
    if data.startswith(_JPEG_START):
        return _jpeg_size(data)
    if data.startswith(_PNG_START):
        return _png_size(data)
    raise FrameError(f'data: expected a jpeg or png image, found {len(data)} bytes starting {data[:8].hex()}')


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Walk the segments up to the frame header (ITU-T T.81, annex B)."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:  # fill bytes, and markers that stand alone
            at += 1 if marker == 0xFF else 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_SIZES and at + 9 <= len(data):
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
