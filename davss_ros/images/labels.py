# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Label files and messages: what they hold before it is given a meaning."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from davss_ros.errors import BrokenFileError, DataError, FrameError
from davss_ros.images.header import JPEG_START, PNG_START, is_webp
from davss_ros.images.integrity import check_whole
from davss_ros.images.pillow import opened
from davss_ros.images.tiff import NOT_MULTIPLIED, TIFF_STARTS, plain_tiff

LABEL_SUFFIXES = ('.png', '.bmp', '.tif', '.tiff')  # formats that lose nothing
_NUMBERS = {'mono8': np.uint8, '8UC1': np.uint8, 'mono16': np.uint16, '16UC1': np.uint16}  # of messages
_COLORS = {'rgb8': slice(None), 'bgr8': slice(None, None, -1)}
_GREY = 0  # colour type of a png
_PALETTE_MODES = ('P', 'PA')
_CHANNELS = {'1': 1, 'L': 1, 'LA': 1, 'P': 1, 'PA': 1, 'RGB': 3, 'RGBA': 3}  # of Pillow's modes, without alpha


@dataclass(frozen=True)
class LabelPicture:
    """A label file as stored, without alpha.

    Attributes:
        pixels: numbers, (H, W) uint8 or uint16: grey values or indices into the palette; or colours, (H, W, 3) uint8
            RGB.
        palette: (N, 3) uint8 RGB, the colours of the indices, if there is one.
    """

    pixels: NDArray[Any]
    palette: NDArray[np.uint8] | None = None

    @property
    def has_numbers(self) -> bool:
        """Whether it holds numbers, rather than colours alone."""
        return self.pixels.ndim == 2

    def colors(self) -> NDArray[np.uint8] | None:
        """Return (H, W, 3) uint8 RGB: its colours, or those of its palette; None if it holds grey values."""
        if not self.has_numbers:
            return self.pixels
        if self.palette is None:
            return None
        table: NDArray[np.uint8] = np.zeros((256, 3), np.uint8)
        table[: len(self.palette)] = self.palette[:256]
        return table[self.pixels]


def read_label(path: Path) -> LabelPicture:
    """Read a label file: 1, 2, 4, 8 or 16 bits of grey, a palette, or RGB, each perhaps with alpha.

    Raises:
        BrokenFileError: it cannot be read.
        DataError: it is none of these, or loses what it holds, as jpeg does.
    """
    try:
        return label_picture(path.read_bytes())
    except OSError as error:
        raise BrokenFileError(f'{path}: cannot be read: {error.strerror or error}') from error
    except FrameError as error:
        raise BrokenFileError(f'{path}: cannot be read as labels: {str(error).removeprefix("data: ")}') from error
    except DataError as error:
        raise DataError(f'{path}: cannot be read as labels: {error}') from error


def label_picture(data: bytes) -> LabelPicture:
    """Return what the bytes of a label file hold; errors as of `read_label`, without the file's name."""
    check_whole(data)
    if data.startswith(JPEG_START) or is_webp(data):
        raise DataError('jpeg and webp change what they store; save labels as png')
    if data.startswith(TIFF_STARTS):
        data = plain_tiff(data, NOT_MULTIPLIED)
    with opened(data, ('PNG', 'BMP', 'TIFF')) as image:
        mode = image.mode
        if mode not in _CHANNELS and not mode.startswith('I;16'):
            raise DataError(f'expected labels in grey of up to 16 bits, palette or RGB, found mode {mode}')
        palette = image.getpalette() if mode in _PALETTE_MODES else None
        pixels = np.array(image)
    if pixels.ndim == 3:
        pixels = pixels[..., 0] if _CHANNELS[mode] == 1 else pixels[..., :3]
    return LabelPicture(_numbers(pixels, data), None if palette is None else np.array(palette, np.uint8).reshape(-1, 3))


def message_labels(message: Any) -> LabelPicture:
    """Return what a sensor_msgs Image (mono8, mono16, 8UC1, 16UC1, rgb8, bgr8) or CompressedImage (png) holds.

    Raises:
        FrameError: another encoding, or sizes that do not go together.
    """
    if hasattr(message, 'format'):
        return label_picture(bytes(message.data))
    encoding, height, width, step = message.encoding, message.height, message.width, message.step
    if encoding not in _NUMBERS and encoding not in _COLORS:
        raise FrameError(f'encoding: expected labels in {", ".join([*_NUMBERS, *_COLORS])}, found {encoding!r}')
    kind = np.dtype(_NUMBERS.get(encoding, np.uint8))
    row = width * (kind.itemsize if encoding in _NUMBERS else 3)
    data = np.frombuffer(message.data, np.uint8)
    if not (height and width and step >= row and step * (height - 1) + row <= data.size <= step * height):
        raise FrameError(f'data: expected {height} rows of {step} bytes ({width} px {encoding}), found {data.size}')
    lines = np.lib.stride_tricks.as_strided(data, (height, row), (step, 1), writeable=False)
    if encoding in _COLORS:
        return LabelPicture(lines.reshape(height, width, 3)[..., _COLORS[encoding]])
    order = kind.newbyteorder('>' if message.is_bigendian else '<')
    return LabelPicture(np.ascontiguousarray(lines).view(order).astype(kind))


def _numbers(pixels: NDArray[Any], data: bytes) -> NDArray[Any]:
    """Undo the stretching of grey values of 1, 2 and 4 bits to 0 .. 255, and name the types."""
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8)
    if pixels.dtype not in (np.uint8, np.uint16):
        return pixels.astype(np.uint16)  # of the other byte order
    if data.startswith(PNG_START) and data[25] == _GREY and data[24] < 8:
        return pixels // np.uint8(255 // ((1 << data[24]) - 1))
    return pixels
