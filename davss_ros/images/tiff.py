# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The tags of a tiff (TIFF 6.0, section 2), and how its decoders are kept from changing pixels."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

TIFF_STARTS = (b'II*\0', b'MM\0*')
WIDTH, HEIGHT, ORIENTATION, EXTRA_SAMPLES = 256, 257, 274, 338
_SHORT, _LONG = 3, 4
MULTIPLIED, NOT_MULTIPLIED = 1, 2  # what an extra sample, alpha, says of the colours beside it


class TiffTag(NamedTuple):
    """An entry of a tiff's first directory."""

    tag: int
    at: int  # of its value within the file, bytes
    value: int


def tiff_tags(data: bytes) -> Iterator[TiffTag]:
    """Yield the whole numbers, one each, of the first directory."""
    order = _order(data)

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)

    start = number(4, 4)
    for entry in range(start + 2, min(start + 2 + 12 * number(start, 2), len(data) - 11), 12):
        kind, count = number(entry + 2, 2), number(entry + 4, 4)
        if count == 1 and kind in (_SHORT, _LONG):
            yield TiffTag(number(entry, 2), entry + 8, number(entry + 8, 2 if kind == _SHORT else 4))


def plain_tiff(data: bytes, alpha: int) -> bytes:
    """Return a tiff that says that its pixels are not turned, and of its alpha, if it has any, what keeps them.

    Both decoders turn pixels, whatever they are asked for. OpenCV multiplies with alpha what is `NOT_MULTIPLIED`, and
    Pillow divides what is `MULTIPLIED`.
    """
    plain = {ORIENTATION: 1, EXTRA_SAMPLES: alpha}
    for entry in tiff_tags(data):
        if plain.get(entry.tag, entry.value) != entry.value:
            value = plain[entry.tag].to_bytes(2, _order(data))
            data = data[: entry.at] + value + data[entry.at + 2 :]
    return data


def _order(data: bytes) -> Literal['little', 'big']:
    return 'little' if data.startswith(b'II') else 'big'
