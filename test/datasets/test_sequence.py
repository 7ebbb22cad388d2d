# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from davss_ros.datasets.sequence import FrameId, make_sequence, missing_numbers, split_runs, step_of
from davss_ros.datasets.stills import LabelledImage


@pytest.mark.parametrize(
    ('numbers', 'step', 'missing'),
    [
        ([0, 1, 2, 3], 1, []),
        ([7959, 7961, 7965, 7967, 7973], 2, [7963, 7969, 7971]),
        ([0, 30, 60, 120], 30, [90]),
        ([4, 5], 1, []),
        ([1000, 1033, 1067, 1100], 0, []),  # milliseconds
        ([0, 1, 4, 9, 16], 0, []),
        ([3, 3, 4], 0, []),
        ([8], 0, []),
    ],
)
def test_steps_and_what_is_missing(numbers: list[int], step: int, missing: list[int]) -> None:
    assert step_of(numbers) == step
    assert missing_numbers(numbers) == missing


def test_runs_end_at_long_holes() -> None:
    assert split_runs([1, 2, 5, 9, 10, 30], 3) == [[1, 2, 5], [9, 10], [30]]
    assert split_runs([], 3) == []


def test_a_sequence_is_a_frame_source(tmp_path: Path, write: Callable[..., Path]) -> None:
    images = {FrameId('a', n): write(tmp_path / f'a_{n}.png', (n, 0, 0)) for n in (10, 12, 16)}
    still = LabelledImage(images[FrameId('a', 12)], tmp_path / 'label.png')
    sequence = make_sequence('a', [10, 12, 16], images, {FrameId('a', 12): still}, 30.0)
    assert (sequence.name, sequence.rate, sequence.count, sequence.labelled) == ('a_10', 15.0, 3, (1,))
    assert sequence.frames[1].labelled is still
    for _ in range(2):
        frames = list(sequence)
        assert [frame.stamp for frame in frames] == [0, 66_666_667, 200_000_000]
        assert [int(frame.image[3, 4, 0]) for frame in frames] == [10, 12, 16]
        assert all(frame.image.shape == (16, 24, 3) and frame.image.dtype == np.uint8 for frame in frames)
