# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.evaluate.bags.timeline import Selection, Timeline, expected_keys

SECOND = 10**9


def line(*seconds: float) -> Timeline:
    stamps = np.array([round(s * SECOND) for s in seconds], np.int64)
    return Timeline(stamps, np.arange(len(stamps), dtype=np.int64) * SECOND // 10)


def test_messages_that_overtook_others_go_to_their_places() -> None:
    assert line(1.0, 1.2, 1.1, 1.3).order().tolist() == [0, 2, 1, 3]


def test_equal_stamps_keep_the_order_of_the_bag() -> None:
    assert line(0, 0, 0).order().tolist() == [0, 1, 2]


def test_a_recording_in_rounds_stays_in_rounds() -> None:
    assert line(10.0, 10.2, 10.1, 5.0, 5.2, 5.1, 5.3).order().tolist() == [0, 2, 1, 3, 5, 4, 6]


def test_without_messages_there_is_no_order() -> None:
    assert line().order().tolist() == []


def test_selection_by_time_of_reception_and_one_out_of_many() -> None:
    ten = line(*range(10))
    assert ten.chosen(Selection(0.2, 0.5), 0).tolist() == [2, 3, 4, 5, 6]
    assert ten.chosen(Selection(0.15, 0.0, 3), 0).tolist() == [2, 5, 8]
    assert ten.chosen(Selection(5.0), 0).tolist() == []


@pytest.mark.parametrize('phase', [None, 0, 2])
def test_expected_key_frames_are_those_of_a_segmenter_without_cuts(phase: int | None) -> None:
    stamps = np.array([0, 1, 2, 3, 9, 10, 11, 4, 5, 6, 7, 8, 12], np.int64) * SECOND // 2 + SECOND
    config = SegmenterConfig(key_interval=4, cut_distortion=1.0, mode='hold', longest_gap=1.2)
    segmenter = VideoSegmenter(config, key_phase=phase)
    frame = np.zeros((16, 16, 3), np.uint8)
    keys = [segmenter.step(frame, int(stamp)).is_key for stamp in stamps]
    assert expected_keys(stamps, 4, 1.2, phase).tolist() == keys
