# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import pytest
import torch

from davss_ros.core.classes import SemanticClass
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.key_frames import BURST, KeyFrameSchedule, class_ids, staggered_phase
from davss_ros.errors import ConfigError

FIXED = SegmenterConfig(key_interval=4)
NEVER = SegmenterConfig(
    key_interval=4, key_frame_policy='adaptive', key_frame_distortion=1.0, key_frame_reach=1.0, key_frame_growth=1.0
)
SCORES = torch.zeros(3, 10, 10)


def run(config: SegmenterConfig, means: list[float], schedule: KeyFrameSchedule | None = None) -> list[str]:
    """The reason of every frame whose map is all of that value, after a first key frame."""
    schedule = schedule or KeyFrameSchedule()
    schedule.count(config, key=True)
    distance, reasons = 0, []
    for mean in means:
        distance += 1
        reason = schedule.due(config, distance)
        reason = reason or schedule.asked(config, torch.full((10, 10), mean), SCORES, distance)
        schedule.count(config, key=bool(reason))
        distance = 0 if reason else distance
        reasons.append(reason)
    return reasons


def test_fixed_is_by_the_interval_whatever_the_map_says() -> None:
    assert run(FIXED, [0.0, 0.29, 0.0, 0.29] * 2) == ['', '', '', 'interval'] * 2


@pytest.mark.parametrize('config', [FIXED, NEVER])
def test_a_cut_is_one_under_any_policy(config: SegmenterConfig) -> None:
    assert run(config, [0.1, 0.31])[1] == 'cut'
    assert run(replace(config, cut_distortion=1.0), [1.0]) == ['']  # never
    assert run(replace(config, cut_distortion=1.0), [float('nan')]) == ['cut']


def test_a_map_that_asks_all_the_time_gets_what_the_interval_allows_and_no_more() -> None:
    reasons = run(replace(NEVER, key_frame_distortion=0.05), [0.2] * 41)
    assert [place for place, reason in enumerate(reasons) if reason] == list(range(3, 41, 4))
    assert set(reasons) == {'', 'distortion'}


def test_a_quiet_scene_saves_for_a_busy_one_but_not_without_end() -> None:
    config = replace(NEVER, key_frame_distortion=0.05, key_frame_age=1000)
    quiet, busy = 60, 30
    reasons = run(config, [0.01] * quiet + [0.2] * busy)
    assert not any(reasons[:quiet])
    found = [place - quiet for place, reason in enumerate(reasons) if reason]
    assert found == [0, 1, *range(4, 4 + busy - 4, 4)]
    assert found[BURST] == 4  # what was saved is spent


def test_the_mean_number_of_key_frames_is_never_above_the_interval_allows() -> None:
    config = replace(NEVER, key_frame_distortion=0.05, key_frame_age=1000)
    means = torch.rand(1000, generator=torch.Generator().manual_seed(0)) * 0.1
    reasons = run(config, means.tolist())
    asked = [reason for reason in reasons if reason]
    assert 1000 / 4 - 10 < len(asked) <= 1000 / 4 + BURST


def test_an_old_key_frame_is_replaced() -> None:
    reasons = run(replace(NEVER, key_frame_age=7), [0.0] * 21)
    assert [place for place, reason in enumerate(reasons) if reason == 'age'] == [6, 13, 20]


def test_growth_is_since_the_first_map_after_the_key_frame() -> None:
    config = replace(NEVER, key_frame_growth=0.05)
    slow = [0.2, 0.22, 0.24, 0.245, 0.249, 0.26]
    assert run(config, slow) == [''] * 5 + ['distortion']
    assert run(config, [*slow, *slow])[6:] == [''] * 5 + ['distortion']


def test_growth_is_of_this_key_frame_even_if_the_last_one_had_a_single_map() -> None:
    config = replace(NEVER, key_frame_growth=0.05)
    schedule = KeyFrameSchedule(8)  # with key frames to spend
    found = []
    for distance, mean in ((0, 0), (1, 0.1), (0, 0), (1, 0.2), (2, 0.21)):  # the second key frame is forced
        asked = schedule.asked(config, torch.full((10, 10), mean), SCORES, distance) if distance else ''
        schedule.count(config, key=not distance)
        found.append(asked)
    assert found == [''] * 5


def test_reach_is_the_share_of_what_is_far_off() -> None:
    config = replace(NEVER, key_frame_reach=0.1)
    schedule = KeyFrameSchedule()
    for _ in range(4):
        schedule.count(config, key=False)
    distortion = torch.zeros(10, 10)
    distortion[0] = 0.9  # a tenth
    assert not schedule.asked(config, distortion, SCORES, 4)
    distortion[1, 0] = 0.6
    assert schedule.asked(config, distortion, SCORES, 5) == 'distortion'


def test_only_chosen_classes_count() -> None:
    classes = [SemanticClass(name, (0, 0, 0)) for name in ('road', 'car', 'sky')]
    config = replace(NEVER, key_frame_distortion=0.05, key_frame_classes='car, sky')
    ids = class_ids(config, classes, torch.device('cpu'))
    assert ids is not None and ids.tolist() == [1, 2]
    scores = torch.zeros(3, 10, 10)
    scores[0, :5] = 1  # road above
    scores[1, 5:] = 1  # car below
    for where, expected in ((slice(0, 5), ''), (slice(5, 10), 'distortion')):
        schedule = KeyFrameSchedule()
        for _ in range(4):
            schedule.count(config, key=False)
        distortion = torch.zeros(10, 10)
        distortion[where] = 0.2
        assert schedule.asked(config, distortion, scores, 4, ids) == expected
    only_sky = torch.tensor([2])
    assert not KeyFrameSchedule(4).asked(config, torch.full((10, 10), 0.2), scores, 4, only_sky)
    assert class_ids(FIXED, classes, torch.device('cpu')) is None
    with pytest.raises(ConfigError, match='key_frame_classes: expected any of road, car, sky, found tree'):
        class_ids(replace(config, key_frame_classes='tree,car'), classes, torch.device('cpu'))


def test_modes_without_a_map_keep_to_the_interval() -> None:
    for mode in ('flow', 'correct_all', 'hold'):
        assert KeyFrameSchedule().due(replace(NEVER, mode=mode), 4) == 'interval'


@pytest.mark.parametrize(('cameras', 'interval'), [(2, 10), (3, 10), (4, 4)])
def test_key_frames_of_several_cameras_never_meet(cameras: int, interval: int) -> None:
    config = SegmenterConfig(key_interval=interval)
    schedules = [KeyFrameSchedule(staggered_phase(number, cameras, interval)) for number in range(cameras)]
    for _ in range(3 * interval):
        due = [bool(schedule.due(config, 1)) for schedule in schedules]
        assert sum(due) <= 1
        for schedule, key in zip(schedules, due, strict=True):
            schedule.count(config, key=key)
    assert staggered_phase(0, 1, interval) is None


@pytest.mark.parametrize('later', [4, 5, 30])
def test_key_frames_do_not_meet_either_once_the_interval_is_another(later: int) -> None:
    config = SegmenterConfig(key_interval=20)
    schedules = [KeyFrameSchedule(staggered_phase(number, 4, 20), interval=20) for number in range(4)]
    for step in range(33 + 3 * later):
        config = config if step < 33 else SegmenterConfig(key_interval=later)
        due = [bool(schedule.due(config, 1)) for schedule in schedules]
        assert sum(due) <= 1 or step == 33  # at the change all that are late by the new interval are owed one
        for schedule, key in zip(schedules, due, strict=True):
            schedule.count(config, key=key)


def test_a_key_frame_that_could_not_be_had_in_time_is_owed() -> None:
    config, schedule = SegmenterConfig(key_interval=10), KeyFrameSchedule(3, interval=10)
    due = []
    for step in range(40):
        asked = step not in range(7, 12) and bool(schedule.due(config, 1))  # as while another one is on its way
        due += [step] * asked
        schedule.count(config, key=asked or step == 0)
    assert due == [12, 17, 27, 37]


def test_a_map_that_is_no_number_is_nothing_to_go_on_by() -> None:
    distortion = torch.zeros(4, 4)
    distortion[1, 2] = torch.nan
    assert KeyFrameSchedule().asked(FIXED, distortion, torch.zeros(3, 4, 4), 1) == 'cut'
