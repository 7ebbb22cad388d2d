# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import cv2
import numpy as np

from davss_ros.evaluate.bags.make_bag import BEGAN, make_bag
from davss_ros.recordings.open import open_source

from .conftest import PERIOD, SECOND, raw, write


def test_one_camera_of_a_bag_keeps_its_stamps(tmp_path: Path) -> None:
    images = tmp_path / 'images'
    images.mkdir()
    for number in (0, 2, 10):
        cv2.imwrite(str(images / f'{number}.png'), np.full((16, 24, 3), number, np.uint8))
    assert make_bag(images, tmp_path / 'first', rate=10.0) == 3
    assert make_bag(tmp_path / 'first', tmp_path / 'second', topic='/image') == 3
    for bag in ('first', 'second'):
        frames = list(open_source(tmp_path / bag))
        assert [frame.stamp for frame in frames] == [BEGAN + number * 10**8 for number in range(3)]
        assert [frame.image.max() for frame in frames] == [0, 2, 10]


def test_a_bag_keeps_its_times_of_reception_and_its_frame(tmp_path: Path) -> None:
    """The camera stamps nothing, and pauses."""
    received = [BEGAN + number * PERIOD + SECOND * (number > 3) for number in range(8)]
    messages = [('/image', when, raw(np.full((16, 24, 3), 9, np.uint8), 0)) for when in received]
    write(tmp_path / 'first', messages)
    assert make_bag(tmp_path / 'first', tmp_path / 'second') == 8
    frames = list(open_source(tmp_path / 'second'))
    assert [frame.received for frame in frames] == received
    assert {frame.frame_id for frame in frames} == {'camera'}
