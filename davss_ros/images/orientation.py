# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What a picture file says of how it is to be turned; nothing here turns it, see `davss_ros.images`."""

from pathlib import Path

from davss_ros.errors import FrameError
from davss_ros.images.pillow import opened
from davss_ros.images.tiff import ORIENTATION, TIFF_STARTS, tiff_tags

_MEANINGS = {  # EXIF 2.32, 4.6.4 A: what has to be done to the stored pixels
    2: 'mirror it',
    3: 'turn it by 180 degrees',
    4: 'turn it upside down',
    5: 'mirror and turn it by 270 degrees',
    6: 'turn it by 90 degrees',
    7: 'mirror and turn it by 90 degrees',
    8: 'turn it by 270 degrees',
}
TRANSPOSED = (5, 6, 7, 8)


def orientation(path: Path) -> int:
    """Return the EXIF orientation of a picture, 1 (as stored) to 8; 1 also where the file says nothing or nonsense.

    Raises:
        DataError: the library Pillow is not installed.
    """
    try:
        data = path.read_bytes()
        if data.startswith(TIFF_STARTS):  # Pillow forgets the tag as it turns the pixels
            value = next((field.value for field in tiff_tags(data) if field.tag == ORIENTATION), 1)
        else:
            with opened(data, ('JPEG', 'PNG', 'WEBP')) as image:
                value = image.getexif().get(ORIENTATION, 1)
    except (OSError, FrameError):  # that it is damaged is found out by reading its pixels
        return 1
    return value if value in _MEANINGS else 1


def meaning(value: int) -> str:
    """Return what an orientation of 2 to 8 asks for."""
    return _MEANINGS[value]
