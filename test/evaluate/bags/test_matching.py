# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from davss_ros.evaluate.bags.matching import match_stamps

MS = 1_000_000


def times(*milliseconds: int) -> np.ndarray:
    return np.array(milliseconds, np.int64) * MS


def test_nearest_stamps_within_the_tolerance_belong_together() -> None:
    found = match_stamps(times(0, 100, 200), times(3, 95, 250), 0.02)
    assert found.label_of == {0: 0, 1: 1}
    assert found.counts == {
        'labels': 3,
        'labels_of_one_stamp': 0,
        'matched': 2,
        'frames_without_label': 1,
        'labels_without_frame': 1,
    }


def test_of_two_labels_of_one_stamp_the_first_counts() -> None:
    found = match_stamps(times(0, 100), times(100, 100, 0), 0.0)
    assert found.label_of == {0: 2, 1: 0}
    assert found.counts['labels_of_one_stamp'] == 1


def test_a_label_is_given_once_to_the_nearest_frame() -> None:
    assert match_stamps(times(0, 4, 9), times(5), 0.1).label_of == {1: 0}


def test_numbers_of_frames_are_kept() -> None:
    assert match_stamps(times(0, 4), times(4), 0.0, [7, 9]).label_of == {9: 0}


@given(
    st.lists(st.integers(0, 50), max_size=12),
    st.lists(st.integers(0, 50), max_size=12),
    st.integers(0, 10),
)
def test_matching_is_what_looking_at_all_pairs_gives(frames: list[int], labels: list[int], tolerance: int) -> None:
    found = match_stamps(times(*frames), times(*labels), tolerance / 1000)
    firsts = {stamp: labels.index(stamp) for stamp in labels}
    nearest = {}
    for number, frame in enumerate(frames):
        candidates = sorted((abs(frame - stamp), stamp) for stamp in firsts)
        if candidates and candidates[0][0] <= tolerance:
            nearest.setdefault(firsts[candidates[0][1]], []).append((candidates[0][0], number))
    assert found.label_of == {min(choices)[1]: label for label, choices in nearest.items()}
    assert found.counts['frames_without_label'] == len(frames) - len(found.label_of)
