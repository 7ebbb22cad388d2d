# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
from typing import Any

import pytest

from davss_ros.core.node_config import NodeConfig
from davss_ros.ros.health import Level, judge
from davss_ros.ros.statistics import Report, Statistics

CONFIG = NodeConfig(warn_silence=2.0, error_failures=3)
BEFORE = replace(Statistics().report(), when=100.0, received=1000, published=900, unfinished={'dropped': 60, 'lost': 7})


def after(seconds: float = 1.0, **changes: Any) -> Report:
    """A second later; thirty more frames came, and all went out unless told otherwise."""
    fine = {'when': 100.0 + seconds, 'received': 1030, 'published': 930, 'silence': 0.01}
    return replace(BEFORE, **{**fine, **changes})


def judged(config: NodeConfig = CONFIG, active: bool = True, **changes: Any) -> tuple[Level, str]:
    return judge(after(**changes), BEFORE, config, active=active)


def test_a_camera_that_loses_nothing_is_well_whatever_was_before() -> None:
    assert judged() == (Level.OK, '30.0 frames/s')
    assert judged(seconds=2.0) == (Level.OK, '15.0 frames/s')


@pytest.mark.parametrize(('failures', 'level'), [(0, Level.OK), (2, Level.OK), (3, Level.ERROR), (50, Level.ERROR)])
def test_failures_in_a_row_are_an_error(failures: int, level: Level) -> None:
    found, words = judged(failures=failures)
    assert found == level
    assert ('failed in a row' in words) == (level == Level.ERROR)


def test_how_many_failures_are_an_error_is_a_parameter() -> None:
    assert judged(replace(CONFIG, error_failures=1), failures=1)[0] == Level.ERROR
    assert judged(replace(CONFIG, error_failures=4), failures=3)[0] == Level.OK


@pytest.mark.parametrize('reason', ['dropped', 'refused', 'failed', 'lost'])
def test_any_loss_is_a_warning_by_default_and_named(reason: str) -> None:
    left = {**BEFORE.unfinished, reason: BEFORE.unfinished.get(reason, 0) + 2}
    level, words = judged(published=928, unfinished=left)
    assert (level, words) == (Level.WARN, f'2 {reason}')


@pytest.mark.parametrize('reason', ['unwatched', 'disabled', 'inactive'])
def test_what_somebody_wanted_so_is_no_loss(reason: str) -> None:
    left = {**BEFORE.unfinished, reason: 30}
    assert judged(published=900, unfinished=left) == (Level.OK, f'0.0 frames/s, 30 {reason}')


@pytest.mark.parametrize(
    ('dropped', 'level'), [(2, Level.OK), (3, Level.OK), (4, Level.WARN), (15, Level.WARN), (16, Level.ERROR)]
)
def test_the_share_of_losses_has_thresholds(dropped: int, level: Level) -> None:
    config = replace(CONFIG, warn_loss=0.1, error_loss=0.5)  # of 30
    left = {**BEFORE.unfinished, 'dropped': 60 + dropped}
    assert judged(config, published=930 - dropped, unfinished=left)[0] == level


def test_lost_on_the_wire_counts_as_if_received() -> None:
    config = replace(CONFIG, warn_loss=0.5, error_loss=1.0)
    assert judged(config, unfinished={**BEFORE.unfinished, 'lost': 7 + 29})[0] == Level.OK  # 29 of 59
    assert judged(config, unfinished={**BEFORE.unfinished, 'lost': 7 + 31})[0] == Level.WARN


@pytest.mark.parametrize(
    ('warn', 'error', 'level'),
    [
        (0.0, 0.0, Level.OK),
        (90.0, 0.0, Level.WARN),
        (110.0, 0.0, Level.OK),
        (0.0, 90.0, Level.ERROR),
        (0.0, 110.0, Level.OK),
        (50.0, 110.0, Level.WARN),
        (50.0, 90.0, Level.ERROR),
    ],
)
def test_latency_has_thresholds_of_which_zero_is_none(warn: float, error: float, level: Level) -> None:
    config = replace(CONFIG, warn_latency=warn, error_latency=error)
    latency = {'p50': 5.0, 'p95': 100.0, 'p99': 5000.0}
    found, words = judged(config, latency_ms=latency)
    assert found == level
    assert ('100 ms' in words) == (level != Level.OK)
    assert judged(config, latency_ms=latency, received=1000, published=900)[0] == Level.OK  # no news is no latency


def test_silence_is_a_warning_unless_zero_or_inactive() -> None:
    assert judged(silence=1.9)[0] == Level.OK
    assert judged(silence=2.5) == (Level.WARN, 'no frame for 2.5 s')
    assert judged(replace(CONFIG, warn_silence=0.0), silence=9e5)[0] == Level.OK
    assert judged(silence=2.5, failures=9, active=False) == (Level.OK, 'inactive')


def test_the_worst_level_wins_and_every_reason_is_told() -> None:
    level, words = judged(failures=5, silence=9.0, unfinished={**BEFORE.unfinished, 'dropped': 61, 'failed': 5})
    assert level == Level.ERROR
    for part in ('5 frames failed in a row', '1 dropped', '5 failed', 'no frame for 9.0 s'):
        assert part in words
