# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""sensor_msgs/Image and CompressedImage to RGB arrays, by the one rule of `davss_ros.images`.

Works on any object with the fields of the message (rclpy's or rosbags'), so the node, the replay and the bag evaluation
decode alike. Every size is checked against the data before anything is allocated; cv_bridge, which trusts the message,
converts what is not in the table below, where it is installed.

Encodings: sensor_msgs/image_encodings.hpp. Rows may be padded (``step``), 16-bit data of either byte order.
"""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from davss_ros.errors import FrameError
from davss_ros.images.bit_depth import BitDepth
from davss_ros.images.header import LARGEST_SIDE, check_size
from davss_ros.images.pixels import stored_pixels, to_rgb

__all__ = ['ENCODINGS', 'LARGEST_SIDE', 'decode', 'decode_compressed', 'decode_raw']


class _Layout(NamedTuple):
    """How the pixels of an encoding lie."""

    pixel_bytes: int
    conversion: int | None  # OpenCV's, of 8-bit pixels to RGB; None: they are RGB


_BAYER = {  # OpenCV names the pattern by its second row
    'bayer_rggb': cv2.COLOR_BayerBG2RGB,
    'bayer_bggr': cv2.COLOR_BayerRG2RGB,
    'bayer_gbrg': cv2.COLOR_BayerGR2RGB,
    'bayer_grbg': cv2.COLOR_BayerGB2RGB,
}
_COLORS = {
    'rgb': (3, None),
    'bgr': (3, cv2.COLOR_BGR2RGB),
    'rgba': (4, cv2.COLOR_RGBA2RGB),
    'bgra': (4, cv2.COLOR_BGRA2RGB),
    'mono': (1, cv2.COLOR_GRAY2RGB),
    **{name: (1, conversion) for name, conversion in _BAYER.items()},
}
_NAMELESS = {'C1': 'mono', 'C3': 'bgr', 'C4': 'bgra'}  # cv::Mat's types, in OpenCV's order of channels
_LAYOUTS = {
    **{f'{name}8': _Layout(*layout) for name, layout in _COLORS.items()},
    **{f'{name}16': _Layout(2 * channels, conversion) for name, (channels, conversion) in _COLORS.items()},
    **{f'8U{name}': _Layout(*_COLORS[like]) for name, like in _NAMELESS.items()},
    **{f'16U{name}': _Layout(2 * _COLORS[like][0], _COLORS[like][1]) for name, like in _NAMELESS.items()},
    'yuv422': _Layout(2, cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': _Layout(2, cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': _Layout(2, cv2.COLOR_YUV2RGB_YUY2),
    'yuyv': _Layout(2, cv2.COLOR_YUV2RGB_YUY2),
    'nv12': _Layout(1, cv2.COLOR_YUV2RGB_NV12),  # rows of Y, then half as many of UV
    'nv21': _Layout(1, cv2.COLOR_YUV2RGB_NV21),
    'nv24': _Layout(1, cv2.COLOR_YUV2RGB_UYVY),  # rows of Y, then as many of UV, each of two steps
}
ENCODINGS = tuple(_LAYOUTS)
_ROWS = {'nv12': (3, 2), 'nv21': (3, 2), 'nv24': (3, 1)}  # of a step each, relative to the height
DEPTH_ENCODINGS = ('16UC1', '32FC1', '64FC1')  # REP 118: mm, m
_ORDERED = tuple(f'{order}{bits}' for order in ('rgb', 'bgr', 'rgba', 'bgra') for bits in (8, 16))


def stamp_of(message: Any) -> int:
    """Return when a message was taken, as its header says, ns since the epoch."""
    return int(message.header.stamp.sec * 10**9 + message.header.stamp.nanosec)


def decode(message: Any, depth: BitDepth | None = None) -> NDArray[np.uint8]:
    """Return the image of a sensor_msgs Image or CompressedImage: (H, W, 3) uint8 RGB.

    Args:
        message: rclpy's or rosbags'.
        depth: of the stream it belongs to; a message by itself has its own.

    Raises:
        FrameError: an encoding, size, step or amount of data that does not fit, or a depth image.
    """
    depth = depth or BitDepth(say=lambda _: None)
    return decode_compressed(message, depth) if hasattr(message, 'format') else decode_raw(message, depth)


def decode_raw(message: Any, depth: BitDepth) -> NDArray[np.uint8]:
    """Return the image of a sensor_msgs/Image: (H, W, 3) uint8 RGB; `FrameError` if it does not fit together."""
    height, width, step, encoding = message.height, message.width, message.step, message.encoding
    check_size(height, width)
    _refuse_depth(encoding, depth)
    if encoding not in _LAYOUTS:
        return _by_cv_bridge(message)
    pixel_bytes, conversion = _LAYOUTS[encoding]
    if encoding in ('nv12', 'nv21') or encoding.startswith(('yuv', 'uyvy', 'yuyv')):
        _check_even(encoding, height, width)
    if step < width * pixel_bytes:
        raise FrameError(f'step: expected at least {width * pixel_bytes} ({width} px {encoding}), found {step}')
    times, over = _ROWS.get(encoding, (1, 1))
    rows = height * times // over
    needed = step * (rows - 1) + width * pixel_bytes  # the last row may lack its padding
    if encoding == 'nv24':
        needed = step * (rows - 2) + 2 * width
    data = np.frombuffer(message.data, np.uint8)
    if not needed <= data.size <= step * rows:
        raise FrameError(f'data: expected {step * rows} bytes ({rows} rows of {step}), found {data.size}')
    if encoding == 'nv24':
        return _from_nv24(data, height, width, step)
    pixels = _lines(data, rows, width * pixel_bytes, step)
    if encoding.endswith('16') or encoding.startswith('16U'):
        wide = np.ascontiguousarray(pixels).view('>u2' if message.is_bigendian else '<u2')
        pixels, pixel_bytes = depth.to_eight(wide.astype(np.uint16, copy=False)), pixel_bytes // 2
    return _convert(pixels.reshape(rows, width, pixel_bytes), conversion)


def decode_compressed(message: Any, depth: BitDepth) -> NDArray[np.uint8]:
    """Return the image of a sensor_msgs/CompressedImage (jpeg, png, webp, tiff): (H, W, 3) uint8 RGB.

    ``format`` is honoured as compressed_image_transport does: behind ``rgb8; jpeg compressed bgr8`` the file shows its
    true colours, behind ``rgb8; jpeg compressed rgb8`` red and blue are exchanged in it, and a single channel behind
    ``bayer_rggb8; png compressed`` is a mosaic. A format without a semicolon says nothing.

    Raises:
        FrameError: broken, or a depth image.
    """
    encoding, semicolon, compression = (part.strip() for part in message.format.partition(';'))
    if 'compresseddepth' in compression.lower():
        raise FrameError(f'format: expected a picture, found depth ({message.format!r})')
    _refuse_depth(encoding if semicolon else '', depth)
    pixels = stored_pixels(bytes(message.data))
    if pixels.ndim == 2 and (pattern := encoding.rstrip('0123456789')) in _BAYER:
        return _convert(depth.to_eight(pixels) if pixels.dtype == np.uint16 else pixels, _BAYER[pattern])
    exchanged = bool(semicolon) and encoding in _ORDERED and 'compressed bgr' not in compression
    return to_rgb(pixels, depth, red_first=exchanged)


def _refuse_depth(encoding: str, depth: BitDepth) -> None:
    if encoding == '16UC1' and not depth.chosen:
        raise FrameError('encoding: 16UC1 is taken for depth, no picture; if it is one, set bit_depth')
    if encoding in DEPTH_ENCODINGS and encoding != '16UC1':
        raise FrameError(f'encoding: expected a picture, found {encoding}, which is depth')


def _by_cv_bridge(message: Any) -> NDArray[np.uint8]:
    unknown = f'encoding: expected rgb, bgr, mono, bayer or yuv of sensor_msgs, found {message.encoding[:20]!r}'
    try:
        from cv_bridge import CvBridge
    except ImportError:
        raise FrameError(f'{unknown}; cv_bridge, which knows more, is not installed') from None
    if message.step < message.width or len(message.data) != message.step * message.height:
        raise FrameError(f'data: expected {message.height} rows of {message.step} bytes, found {len(message.data)}')
    try:
        image = np.asarray(CvBridge().imgmsg_to_cv2(message, desired_encoding='rgb8'))
    except Exception as error:  # CvBridgeError, but also what its C++ side and its tables throw
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:60]
        raise FrameError(f'{unknown}, which cv_bridge cannot convert to rgb8: {reason}') from error
    if image.shape != (message.height, message.width, 3) or image.dtype != np.uint8:
        raise FrameError(f'{unknown}; cv_bridge made {image.dtype} {image.shape} of it')
    return image


def _lines(data: NDArray[np.uint8], rows: int, row_bytes: int, step: int) -> NDArray[np.uint8]:
    return np.lib.stride_tricks.as_strided(data, (rows, row_bytes), (step, 1), writeable=False)


def _from_nv24(data: NDArray[np.uint8], height: int, width: int, step: int) -> NDArray[np.uint8]:
    """Convert a pixel as two of UYVY, of the same luma, so that the arithmetic is that of the other encodings."""
    luma = _lines(data, height, width, step)
    chroma = _lines(data[height * step :], height, 2 * width, 2 * step).reshape(height, width, 2)
    pairs = np.stack([chroma[..., 0], luma, chroma[..., 1], luma], 2).reshape(height, 2 * width, 2)
    return np.ascontiguousarray(_convert(pairs, cv2.COLOR_YUV2RGB_UYVY)[:, ::2])


def _convert(pixels: NDArray[np.uint8], conversion: int | None) -> NDArray[np.uint8]:
    pixels = np.ascontiguousarray(pixels)
    return pixels if conversion is None else cv2.cvtColor(pixels, conversion).astype(np.uint8, copy=False)


def _check_even(encoding: str, height: int, width: int) -> None:
    if width % 2 or (height % 2 and not encoding.startswith(('yuv', 'uyvy', 'yuyv'))):
        raise FrameError(f'size: expected even sides for {encoding}, found {width}x{height}')
