# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Arrays to sensor_msgs/Image."""

from array import array

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

ENCODINGS = {(np.dtype(np.uint8), 2): 'mono8', (np.dtype(np.uint8), 3): 'rgb8', (np.dtype(np.float32), 2): '32FC1'}


def encode(pixels: NDArray[np.generic], header: Header) -> Image:
    """Return a message with unpadded rows.

    Args:
        pixels: (H, W) uint8 (mono8), (H, W, 3) uint8 RGB (rgb8) or (H, W) float32 (32FC1).
        header: used as it is.
    """
    message = Image(header=header, encoding=ENCODINGS[pixels.dtype, pixels.ndim], is_bigendian=0)
    message.height, message.width = pixels.shape[:2]
    message.step = pixels[0].size * pixels.itemsize
    data = array('B')  # an array passes rclpy's setter untouched; a list or bytes would be checked byte by byte
    data.frombytes(np.ascontiguousarray(pixels).data.cast('B'))
    message.data = data
    return message
