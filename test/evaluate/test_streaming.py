# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from davss_ros.core.classes import VOID
from davss_ros.evaluate.confusion import ConfusionMatrix
from davss_ros.evaluate.streaming import Output, present_frames, serve, streaming_confusion, streaming_miou

Image = NDArray[np.uint8]
CLASSES = 4


def constant(latency: int, number: int, start: int) -> int:
    return latency


def tick_by_tick(stamps: list[int], latencies: list[int], every_frame: bool) -> tuple[list[Output], list[int | None]]:
    """A server and its last labels, one ns after the other."""
    outputs: list[Output] = []
    present: list[int | None] = []
    waiting: list[int] = []
    busy: tuple[int, int] | None = None  # the frame in work, and when it is done
    shown: int | None = None
    for now in range(max(stamps) + sum(latencies) + 1):
        if busy and busy[1] == now:
            shown, busy = busy[0], None
            outputs.append(Output(shown, now))
        if now in stamps:
            waiting.append(stamps.index(now))
            present.append(shown)
        if not busy and waiting:
            chosen = waiting[0] if every_frame else waiting[-1]
            waiting = [number for number in waiting if number > chosen]
            busy = chosen, now + latencies[chosen]
    return outputs, present


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 25)), min_size=1, max_size=12),
    st.booleans(),
)
def test_a_server_is_the_one_that_is_followed_tick_by_tick(frames: list[tuple[int, int]], every_frame: bool) -> None:
    stamps = [int(stamp) for stamp in np.cumsum([gap for gap, _ in frames])]
    latencies = [latency for _, latency in frames]
    outputs, present = tick_by_tick(stamps, latencies, every_frame)
    starts = {}

    def step(number: int, start: int) -> int:
        starts[number] = start
        return latencies[number]

    assert serve(stamps, step, every_frame=every_frame) == outputs
    assert starts == {number: ready - latencies[number] for number, ready in outputs}
    assert present_frames(stamps, outputs) == present


def test_what_is_late_is_measured_against_the_scene_of_now() -> None:
    truth = [np.full((2, 3), number % CLASSES, np.uint8) for number in range(8)]
    stamps = [10 * number for number in range(8)]
    for latency, late in ((1, 1), (10, 1), (11, 2), (20, 2)):
        outputs = serve(stamps, partial(constant, latency))
        confusion = streaming_confusion(stamps, outputs, truth, truth, CLASSES, first=late)
        served = present_frames(stamps, outputs)[late:]
        expected = ConfusionMatrix(CLASSES)
        for number, frame in enumerate(served, late):
            assert frame is not None and late <= number - frame < late + 2  # every other frame, if they take too long
            expected.add(truth[frame], truth[number])
        np.testing.assert_array_equal(confusion.counts, expected.counts)


def test_a_scene_that_stands_still_forgives_any_latency() -> None:
    labels = np.random.default_rng(0).integers(0, CLASSES, (5, 6), np.uint8)
    stamps = [7 * number for number in range(9)]
    for latency in (1, 50):
        assert streaming_miou(stamps, [latency] * 9, [labels] * 9, [labels] * 9, CLASSES) == 100


def test_frames_without_truth_or_labels_and_void_do_not_count() -> None:
    zero, right, void = (np.full((2, 2), value, np.uint8) for value in (0, 1, VOID))
    outputs = [Output(0, 5), Output(2, 25)]
    counts = streaming_confusion(
        [0, 10, 20, 30], outputs, {0: zero, 2: right}, [right, zero, None, void], CLASSES
    ).counts
    assert counts[0, 0] == counts.sum() == 4
    assert np.isnan(streaming_miou([0], [1], [zero], [zero], CLASSES))


def test_times_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValueError, match='stamps: expected rising'):
        serve([0, 5, 5], lambda number, start: 1)
    with pytest.raises(ValueError, match='order in which they were ready'):
        present_frames([0], [Output(0, 9), Output(1, 8)])
