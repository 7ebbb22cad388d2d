"""sensor_msgs/Image and CompressedImage to RGB arrays.

Works on any object with the fields of the message (rclpy's or rosbags'), so the node, the replay and the bag evaluation
decode alike. Every size is checked against the data before anything is allocated; cv_bridge, which trusts the message,
converts what is not in the table below, where it is installed.

Encodings: sensor_msgs/image_encodings.hpp. Rows may be padded (``step``), 16-bit data of either byte order.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from davss_ros.errors import FrameError
from davss_ros.images.header import declared_size

LARGEST_SIDE = 8192  # px; a declared size beyond it is refused
_PACKED = {  # encoding -> bytes a pixel, OpenCV conversion to RGB (None: it is RGB)
    'rgb8': (3, None),
    '8UC3': (3, cv2.COLOR_BGR2RGB),
    'bgr8': (3, cv2.COLOR_BGR2RGB),
    'rgba8': (4, cv2.COLOR_RGBA2RGB),
    'bgra8': (4, cv2.COLOR_BGRA2RGB),
    '8UC4': (4, cv2.COLOR_BGRA2RGB),
    'mono8': (1, cv2.COLOR_GRAY2RGB),
    '8UC1': (1, cv2.COLOR_GRAY2RGB),
    'mono16': (2, cv2.COLOR_GRAY2RGB),
    '16UC1': (2, cv2.COLOR_GRAY2RGB),
    'bayer_rggb8': (1, cv2.COLOR_BayerBG2RGB),  # OpenCV names the pattern by its second row
    'bayer_bggr8': (1, cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg8': (1, cv2.COLOR_BayerGR2RGB),
    'bayer_grbg8': (1, cv2.COLOR_BayerGB2RGB),
    'yuv422': (2, cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': (2, cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': (2, cv2.COLOR_YUV2RGB_YUY2),
    'yuyv': (2, cv2.COLOR_YUV2RGB_YUY2),
    'nv12': (1, cv2.COLOR_YUV2RGB_NV12),  # rows of Y, then half as many of UV
    'nv21': (1, cv2.COLOR_YUV2RGB_NV21),
}
ENCODINGS = tuple(_PACKED)


def decode(message: Any) -> NDArray[np.uint8]:
    """Return the image of a sensor_msgs Image or CompressedImage: (H, W, 3) uint8 RGB.

    Raises:
        FrameError: an encoding, size, step or amount of data that does not fit.
    """
    return decode_compressed(message) if hasattr(message, 'format') else decode_raw(message)


def decode_raw(message: Any) -> NDArray[np.uint8]:
    """Return the image of a sensor_msgs/Image: (H, W, 3) uint8 RGB; `FrameError` if it does not fit together."""
    height, width, step, encoding = message.height, message.width, message.step, message.encoding
    _check_size(height, width)
    if encoding not in _PACKED:
        return _by_cv_bridge(message)
    pixel_bytes, conversion = _PACKED[encoding]
    if encoding in ('nv12', 'nv21') or encoding.startswith(('yuv', 'uyvy', 'yuyv', 'bayer')):
        _check_even(encoding, height, width)
    if step < width * pixel_bytes:
        raise FrameError(f'step: expected at least {width * pixel_bytes} ({width} px {encoding}), found {step}')
    rows = height * 3 // 2 if encoding in ('nv12', 'nv21') else height
    needed = step * (rows - 1) + width * pixel_bytes  # the last row may lack its padding
    data = np.frombuffer(message.data, np.uint8)
    if not needed <= data.size <= step * rows:
        raise FrameError(f'data: expected {step * rows} bytes ({rows} rows of {step}), found {data.size}')
    lines = np.lib.stride_tricks.as_strided(data, (rows, width * pixel_bytes), (step, 1), writeable=False)
    if encoding in ('mono16', '16UC1'):  # the high byte
        return _convert(lines[:, (0 if message.is_bigendian else 1) :: 2], conversion)
    return _convert(lines.reshape(rows, width, pixel_bytes), conversion)


def decode_compressed(message: Any) -> NDArray[np.uint8]:
    """Return the image of a sensor_msgs/CompressedImage (jpeg or png): (H, W, 3) uint8 RGB; `FrameError` if broken."""
    data = bytes(message.data)
    _check_size(*declared_size(data))
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise FrameError(f'data: broken {message.format!r} image: {error.err}') from error
    if image is None:
        raise FrameError(f'data: broken {message.format!r} image of {len(data)} bytes')
    return _convert(image.astype(np.uint8, copy=False), cv2.COLOR_BGR2RGB)


def _by_cv_bridge(message: Any) -> NDArray[np.uint8]:
    unknown = f'encoding: expected one of {", ".join(ENCODINGS)}, found {message.encoding!r}'
    try:
        from cv_bridge import CvBridge
    except ImportError:
        raise FrameError(f'{unknown}; cv_bridge, which knows more, is not installed') from None
    if message.step < message.width or len(message.data) != message.step * message.height:
        raise FrameError(f'data: expected {message.height} rows of {message.step} bytes, found {len(message.data)}')
    try:
        image = np.asarray(CvBridge().imgmsg_to_cv2(message, desired_encoding='rgb8'))
    except Exception as error:  # CvBridgeError, but also what its C++ side and its tables throw
        raise FrameError(f'{unknown}, which cv_bridge cannot convert to rgb8: {error}') from error
    if image.shape != (message.height, message.width, 3) or image.dtype != np.uint8:
        raise FrameError(f'{unknown}; cv_bridge made {image.dtype} {image.shape} of it')
    return image


def _convert(pixels: NDArray[np.uint8], conversion: int | None) -> NDArray[np.uint8]:
    pixels = np.ascontiguousarray(pixels)
    return pixels if conversion is None else cv2.cvtColor(pixels, conversion).astype(np.uint8, copy=False)


def _check_size(height: int, width: int) -> None:
    if not (0 < height <= LARGEST_SIDE and 0 < width <= LARGEST_SIDE):
        raise FrameError(f'size: expected sides of 1 to {LARGEST_SIDE} px, found {width}x{height}')


def _check_even(encoding: str, height: int, width: int) -> None:
    if width % 2 or (height % 2 and not encoding.startswith(('yuv', 'uyvy', 'yuyv'))):
        raise FrameError(f'size: expected even sides for {encoding}, found {width}x{height}')
