# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The library Pillow, for what OpenCV does not tell: palettes, indices, EXIF data."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from davss_ros.errors import DataError, DavssError, FrameError


@contextmanager
def opened(data: bytes, formats: Sequence[str]) -> Iterator[Any]:
    """Yield the `PIL.Image.Image` of ``data``, of one of these formats; its pixels are decoded when asked for.

    Raises:
        DataError: Pillow is not installed.
        FrameError: within the context, anything that Pillow throws.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError(
            "labels and EXIF data are read by Pillow: pip install pillow, or rosdep's python3-pil"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of a broken file; that it is broken is said by an error
        try:
            with Image.open(BytesIO(data), formats=tuple(formats)) as image:
                yield image
        except DavssError:
            raise
        except Exception as error:  # what its parts throw: struct.error, zlib.error, SyntaxError, MemoryError ...
            raise FrameError(f'data: broken image of {len(data)} bytes: {error}') from error
