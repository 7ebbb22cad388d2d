# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from numpy.typing import NDArray
from std_msgs.msg import Header

from davss_ros.images.messages import decode
from davss_ros.ros.encode import encode

HEADER = Header(frame_id='camera')


def test_an_rgb_image_survives_the_way_there_and_back() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
    message = encode(pixels, HEADER)
    np.testing.assert_array_equal(decode(message), pixels)
    assert (message.header.frame_id, message.encoding, message.step) == ('camera', 'rgb8', 21)


@pytest.mark.parametrize(
    ('pixels', 'encoding', 'step'),
    [
        (np.arange(6, dtype=np.uint8).reshape(2, 3), 'mono8', 3),
        (np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3), '32FC1', 12),
        (np.zeros((4, 4, 3), np.uint8)[:, ::2], 'rgb8', 6),
    ],
)
def test_bytes_are_the_pixels_row_by_row(pixels: NDArray[np.generic], encoding: str, step: int) -> None:
    message = encode(pixels, HEADER)
    assert (message.encoding, message.step, message.is_bigendian) == (encoding, step, 0)
    assert (message.height, message.width) == pixels.shape[:2]
    assert bytes(message.data) == pixels.tobytes()
