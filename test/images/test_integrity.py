# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from davss_ros.errors import FrameError
from davss_ros.images.pixels import whole_size

NOISE = np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8)


def encoded(suffix: str, *parameters: int) -> bytes:
    good, data = cv2.imencode(suffix, NOISE, parameters)
    assert good
    return data.tobytes()


WHOLE = [
    encoded('.png'),
    encoded('.bmp'),
    encoded('.jpg'),
    encoded('.jpg', cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    encoded('.jpg', cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
]


@pytest.mark.parametrize('data', WHOLE)
def test_whole_files(data: bytes) -> None:
    assert whole_size(data) == (20, 31)


@pytest.mark.parametrize('data', WHOLE)
def test_files_cut_off_anywhere(data: bytes) -> None:
    for length in [*range(0, len(data) - 1, 13), len(data) - 4]:
        with pytest.raises(FrameError):
            whole_size(data[:length])


def test_a_thumbnail_does_not_end_the_image() -> None:
    thumbnail = encoded('.jpg')
    header = b'\xff\xe1' + (len(thumbnail) + 2).to_bytes(2, 'big') + thumbnail
    data = WHOLE[2][:2] + header + WHOLE[2][2:]
    assert whole_size(data) == (20, 31)
    with pytest.raises(FrameError, match='cut off'):
        whole_size(data[:-200])


def test_any_changed_byte_of_a_png_is_seen() -> None:
    data = WHOLE[0]
    for at in range(0, len(data), 11):
        broken = bytearray(data)
        broken[at] ^= 0x10
        with pytest.raises(FrameError):
            whole_size(bytes(broken))


@pytest.mark.parametrize('data', [b'', b'no image at all', b'\xff\xd8', b'\x89PNG\r\n\x1a\n'])
def test_no_image(data: bytes) -> None:
    with pytest.raises(FrameError):
        whole_size(data)


@pytest.mark.parametrize('newer', [False, True])
def test_opencv_says_nothing_of_what_it_cannot_read(newer: bool) -> None:
    """OpenCV 5 has the function that silences it in another place than 4."""
    moved = 'cv2.utils.logging = types.SimpleNamespace(setLogLevel=cv2.setLogLevel); del cv2.setLogLevel'
    code = f"""
import cv2, types
if {newer} and hasattr(cv2, 'setLogLevel'):
    {moved}
import davss_ros.images
cv2.imread('/nowhere.png')
"""
    environment = {name: value for name, value in os.environ.items() if name != 'OPENCV_LOG_LEVEL'}
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, '')
