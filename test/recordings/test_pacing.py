# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Times of frames that do not make sense, by their stamps, by their reception, or by both."""

from collections.abc import Iterator

import numpy as np
import pytest

from davss_ros.recordings.findings import Findings
from davss_ros.recordings.frame import FOLDER_RATE, Frame
from davss_ros.recordings.pacing import LONGEST_PAUSE, paced

SECOND = 10**9
STEP = SECOND // 10
LONGEST_GAP = 1.0
YEAR = 365 * 86400 * SECOND
EVEN = [1_700_000_000 * SECOND + number * STEP for number in range(8)]


class Source:
    """Frames with given times."""

    name = 'drive'

    def __init__(self, stamps: list[int], received: list[int], rate: float = 10.0) -> None:
        self.times, self.rate, self.count = list(zip(stamps, received, strict=True)), rate, len(stamps)
        self.said: list[str] = []
        self.findings = Findings('drive', self.said.append)

    def __iter__(self) -> Iterator[Frame]:
        for stamp, received in self.times:
            yield Frame(stamp, np.zeros((2, 2, 3), np.uint8), '', received)


def due(source: Source) -> list[float]:
    """Return when frames are due, s."""
    return [at / SECOND for _, at in paced(source, LONGEST_GAP)]


def steady(count: int = 8) -> list[float]:
    return pytest.approx([number / 10 for number in range(count)])


@pytest.mark.parametrize('jitter', [0, STEP // 3])
def test_stamps_count_where_they_make_sense(jitter: int) -> None:
    received = [time + jitter * (number % 2) for number, time in enumerate(EVEN)]
    source = Source(EVEN, received)
    assert due(source) == steady()
    assert source.said == []


def test_uneven_stamps_are_kept() -> None:
    stamps = [0, STEP, STEP * 5, STEP * 6, STEP * 16]
    source = Source(stamps, [time + 7 for time in stamps])
    assert due(source) == pytest.approx([0.0, 0.1, 0.5, 0.6, 1.6])
    assert source.said == []


@pytest.mark.parametrize(
    ('stamps', 'what'),
    [
        ([0] * 8, 'stand still at frame 1'),
        ([5] * 8, 'stand still at frame 1'),
        (list(range(8)), 'stand still at frame 1'),  # a counter, not a clock
        ([*EVEN[:4], *EVEN[3:7]], 'stand still at frame 4'),
        ([0, *EVEN[1:]], 'jump ahead by 53.9 years at frame 1'),
        ([*EVEN[:4], *(time + 3 * YEAR for time in EVEN[4:])], 'jump ahead by 3.0 years at frame 4'),
        ([*EVEN[:4], *(time - 9 * YEAR for time in EVEN[4:])], 'go back by 9.0 years at frame 4'),
        ([*EVEN[:4], *(time + 9 * SECOND for time in EVEN[4:])], 'jump ahead by 9.100 s at frame 4'),
        ([*EVEN[:4], *EVEN[:4]], 'go back by 0.300 s at frame 4'),
        ([time - 10 * number * STEP for number, time in enumerate(EVEN)], 'go back by 0.900 s at frame 1'),
    ],
)
def test_from_the_first_stamp_that_makes_none_reception_counts(stamps: list[int], what: str) -> None:
    source = Source(stamps, EVEN)
    assert due(source) == steady()
    assert source.said == [f'drive: header stamps {what}: paced by the times of reception from there']


@pytest.mark.parametrize('stamps', [[0] * 8, EVEN[::-1]])
@pytest.mark.parametrize('received', [[0] * 8, EVEN[::-1]])
def test_where_no_time_tells_the_rate_does(stamps: list[int], received: list[int]) -> None:
    source = Source(stamps, received)
    assert due(source) == steady()
    assert len(source.said) == 1


def test_a_pause_is_kept_and_said() -> None:
    times = [*EVEN[:4], *(time + 5 * SECOND for time in EVEN[4:])]
    source = Source(times, times)
    assert np.diff(due(source)).max() == pytest.approx(5.1)
    assert len(source.said) == 1 and '5.1 s pass before frame 4, as recorded' in source.said[0]


@pytest.mark.parametrize('jump', [2 * LONGEST_PAUSE, 600.0, 53 * YEAR / SECOND])
@pytest.mark.parametrize('rate', [10.0, 1e-9])
def test_nobody_waits_for_the_clock_that_jumped_for_both(jump: float, rate: float) -> None:
    times = [*EVEN[:4], *(time + round(jump * SECOND) for time in EVEN[4:])]
    source = Source(times, times, rate)
    assert np.diff(due(source)).max() == pytest.approx(0.1, abs=0.05)
    assert len(source.said) == 1 and 'pass before frame 4: left out' in source.said[0]


@pytest.mark.parametrize('seed', range(30))
def test_no_wait_is_long_without_a_word(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales = np.array([0, 1, STEP, SECOND, 30 * SECOND, 4000 * SECOND, YEAR])
    steps = rng.choice(scales, (2, 40)) * rng.choice([1, 1, 1, -1], (2, 40))
    stamps, received = np.cumsum(steps, 1).tolist()
    source = Source(stamps, received, float(rng.choice([0.5, 10, 1000])))
    last, words = 0, 0
    for _, at in paced(source, LONGEST_GAP):
        assert 0 <= at - last <= LONGEST_PAUSE * SECOND
        if at - last > max(LONGEST_GAP, 1 / source.rate) * SECOND:
            words = len(source.said)
            assert words
        last = at
    assert len(source.said) < 20


def test_a_folder_is_paced_at_its_rate() -> None:
    times = [round(number * SECOND / FOLDER_RATE) for number in range(8)]
    source = Source(times, times, FOLDER_RATE)
    assert due(source) == pytest.approx([number / FOLDER_RATE for number in range(8)])
    assert source.said == []
