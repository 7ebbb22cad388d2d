# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import rclpy
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import try_shutdown
from std_msgs.msg import Header

from davss_ros.ros import recorder
from davss_ros.ros.encode import encode
from davss_ros.ros.recorder import PARTS, Recorder

COUNT, SHADE = 6, 40
FRAME_BYTES = len(PARTS) * 48 * 64 * 3


@pytest.fixture
def ros() -> Iterator[None]:
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    yield
    try_shutdown()


@pytest.mark.parametrize('kept', [0, 2 * FRAME_BYTES, 2**29])
def test_frames_are_encoded_as_they_become_whole_however_many_are_kept(
    ros: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """Parts of two frames come in turns; the last frame lacks one."""
    monkeypatch.setattr(recorder, 'KEPT', kept)
    messages = []
    for number in range(COUNT):
        header = Header()
        header.stamp.sec = 100 + number
        pixels = np.full((48, 64, 3), SHADE * number, np.uint8)
        messages.append([(part, encode(pixels, header)) for part in PARTS])
    messages[-1].pop()
    with Recorder(tmp_path, 1.0, COUNT) as node:
        for first, second in zip(messages[::2], messages[1::2], strict=True):
            for topic, message in (*first[:1], *second, *first[1:]):
                node._take(topic, message)
            assert node._kept <= kept
    video, shades = cv2.VideoCapture(str(tmp_path / 'overlay.mp4')), []
    while (row := video.read()[1]) is not None:
        assert row.shape == (48, len(PARTS) * 64, 3)
        shades.append(float(row.mean()))
    assert np.allclose(shades, SHADE * np.array([1, 0, 3, 2, 4]), atol=8)  # as they became whole
    sheet = cv2.imread(str(tmp_path / 'contact_sheet.png'))
    assert sheet is not None and sheet.shape[1] == 1440


def test_frames_of_another_size_are_shown_at_that_of_the_first(ros: None, tmp_path: Path) -> None:
    with Recorder(tmp_path, 1.0, COUNT) as node:
        for number, size in enumerate([(48, 64)] * 3 + [(60, 80)] * 3):
            header = Header()
            header.stamp.sec = 100 + number
            for part in PARTS:
                node._take(part, encode(np.full((*size, 3), SHADE * number, np.uint8), header))
    video, shades = cv2.VideoCapture(str(tmp_path / 'overlay.mp4')), []
    while (row := video.read()[1]) is not None:
        shades.append(float(row.mean()))
    assert np.allclose(shades, SHADE * np.arange(6), atol=8)


def test_dropped_frames_are_shown_as_the_one_before_so_that_the_video_keeps_its_pace(ros: None, tmp_path: Path) -> None:
    with Recorder(tmp_path, 10.0, COUNT) as node:
        for number, tenths in enumerate((0, 1, 4, 5)):
            header = Header()
            header.stamp.sec, header.stamp.nanosec = 100, tenths * 10**8
            for part in PARTS:
                node._take(part, encode(np.full((48, 64, 3), SHADE * number, np.uint8), header))
    video, shades = cv2.VideoCapture(str(tmp_path / 'overlay.mp4')), []
    while (row := video.read()[1]) is not None:
        shades.append(float(row.mean()))
    assert np.allclose(shades, SHADE * np.array([0, 1, 1, 1, 2, 3]), atol=8)
