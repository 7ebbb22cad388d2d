# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from davss_ros.core.result import FrameResult
from davss_ros.evaluate.contest import TURN, Times, alternate, ratio, typical


class Contender:
    """Takes as long as it is told, and notes whose turn it is."""

    def __init__(self, name: str, log: list[tuple[str, int]], times: Iterator[float], interval: int) -> None:
        self.name, self.log, self.times, self.interval = name, log, times, interval
        self.steps = 0

    model = SimpleNamespace(correction_interval=1)

    def warm_up(self, size: tuple[int, int]) -> None:
        assert size == (4, 6) and not self.steps

    def reset(self) -> None:
        self.steps = 0

    def step(self, frame: NDArray[np.uint8]) -> FrameResult:
        self.log.append((self.name, int(frame[0, 0, 0])))
        key = self.steps % self.interval == 0
        self.steps += 1
        value = next(self.times) + 100 * key
        timings = {'key' if key else 'flow': value - 1, 'total': value}
        empty = np.zeros((1, 1), np.float32)
        return FrameResult(np.zeros((4, 6), np.uint8), empty, key, 'interval' if key else '', 0, 0, timings)


def test_contenders_take_turns_and_every_frame_is_counted() -> None:
    frames = [np.full((4, 6, 3), number, np.uint8) for number in range(TURN + 5)]
    log: list[tuple[str, int]] = []
    contenders = {name: Contender(name, log, iter(range(1, 1000)), 5) for name in 'ab'}
    times = alternate(frames, contenders, rounds=2)  # type: ignore[arg-type]  # as much of a segmenter as is needed
    numbers = [*range(TURN)], [*range(TURN, TURN + 5)]
    assert log == [(name, number) for part in numbers * 2 for name in 'ab' for number in part]
    assert len(times['a'].key['total']) == 10 and len(times['a'].other['total']) == 40
    assert times['a'].other['total'][:4] == [2, 3, 4, 5]


def test_figures_are_means_and_percentiles() -> None:
    times = Times()
    for value in (100.0, 110.0, 120.0):
        times.add({'key': value - 10, 'total': value}, key=True)
    for value in (10.0, 20.0, 90.0):
        times.add({'flow': 1.0, 'total': value}, key=False)
    most = {kind: np.percentile(getattr(times, kind)['total'], 95) for kind in ('key', 'other')}
    key, other = (100 + 110 + most['key']) / 3, (10 + 20 + most['other']) / 3
    assert times.mean(1) == pytest.approx(key) and times.mean(10) == pytest.approx((key + 9 * other) / 10)
    assert times.summary()['other']['total'] == {
        'p50': 20,
        'p95': pytest.approx(most['other']),
        'mean': pytest.approx(other, abs=1e-3),
    }
    assert times.summary()['key']['key']['p50'] == 100
    assert Times(key=times.key).mean(10) == pytest.approx(key) and set(Times(key=times.key).summary()) == {'key'}
    assert ratio(3.0, 2.0) == 1.5 and np.isnan(ratio(1.0, 0.0))


def test_work_of_some_frames_counts_and_what_the_machine_did_besides_does_not() -> None:
    """Of four frames one has a look of 40 ms; the median would know nothing of it. One of all waits for a second."""
    times = Times()
    for frame in range(200):
        look = {} if frame % 4 else {'look': 40.0}
        times.add({'flow': 5.0, **look, 'total': 5.0 + sum(look.values()) + 1000 * (frame == 7)}, key=False)
    assert typical(times.other) == pytest.approx(5 + 40 / 4, abs=0.3)


def test_at_another_interval_there_are_other_shares_of_looks() -> None:
    """A look of 8 ms at every third frame, so at three of nine, at two of four and at the only one of one."""
    times = Times({'total': [100.0]}, {'look': [8.0] * 3, 'total': [18.0, 10.0, 10.0] * 3}, every=3)
    for interval, looks in ((10, 3), (5, 2), (2, 1)):
        assert times.mean(interval) == pytest.approx((100 + 10 * (interval - 1) + 8 * looks) / interval)
