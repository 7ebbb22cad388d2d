# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import threading
from dataclasses import replace

import numpy as np
import pytest

from davss_ros.core.result import FrameResult
from davss_ros.ros.statistics import WINDOW, Statistics


def result(is_key: bool, total: float) -> FrameResult:
    quarter = np.full((2, 2), 0.25, np.float32)
    reason = 'interval' if is_key else ''
    return FrameResult(np.zeros((8, 8), np.uint8), quarter, is_key, reason, 0, 0, {'total': total})


def test_counts_and_percentiles() -> None:
    statistics = Statistics()
    for number in range(101):
        statistics.receive()
        statistics.publish(result(number % 10 == 0, total=float(number)), latency=number / 1000)
    for reason in ('dropped', 'refused', 'dropped'):
        statistics.receive()
        statistics.leave(reason, f'because {reason}')
    report = statistics.report()
    assert (report.received, report.published, report.key_frames) == (104, 101, {'interval': 11})
    assert report.received == report.published + sum(report.unfinished.values())
    assert report.unfinished == {'dropped': 2, 'refused': 1}
    assert report.latency_ms == pytest.approx({'p50': 50, 'p95': 95, 'p99': 99})
    assert report.stage_ms == pytest.approx({'total': 50})
    assert report.mean_distortion == pytest.approx(0.25)
    assert report.last_error == 'because dropped'


def test_an_idle_camera_has_a_report_and_a_long_run_a_bounded_memory() -> None:
    statistics = Statistics()
    assert statistics.report().latency_ms == {'p50': 0.0, 'p95': 0.0, 'p99': 0.0}
    for _ in range(WINDOW + 50):
        statistics.publish(result(False, 1.0), 0.001)
    assert len(statistics._latency) == len(statistics._results) == WINDOW
    assert statistics.report().published == WINDOW + 50


def test_losses_on_the_wire_are_beside_what_was_received() -> None:
    statistics = Statistics()
    for _ in range(10):
        statistics.receive()
    statistics.publish(result(True, 1.0), 0.001)
    for reason, count in {'dropped': 2, 'lost': 50, 'inactive': 1, 'disabled': 0}.items():
        statistics.leave(reason, count=count)
    report = statistics.report()
    assert report.unfinished == {'dropped': 2, 'lost': 50, 'inactive': 1}
    assert report.waiting == 10 - 1 - 2 - 1


def test_failures_in_a_row_end_with_a_frame_that_came_out() -> None:
    statistics = Statistics()
    rows = []
    for reason in ('failed', 'failed', 'refused', 'failed', '', 'failed', 'dropped'):
        statistics.leave(reason) if reason else statistics.publish(result(False, 1.0), 0.001)
        rows.append(statistics.report().failures)
    assert rows == [1, 2, 2, 3, 0, 1, 1]
    assert statistics.report().unfinished == {'failed': 4, 'refused': 1, 'dropped': 1}


def test_key_frames_are_counted_by_reason_and_ages_start_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 50.0
    monkeypatch.setattr('time.monotonic', lambda: now)
    statistics = Statistics()
    now = 60.0
    statistics.activate()
    now = 61.0
    assert (statistics.report().silence, statistics.report().key_age) == (1.0, 11.0)
    for reason in ('first', 'back', 'back', 'cut'):
        now += 1
        statistics.receive()
        statistics.publish(replace(result(True, 1.0), key_reason=reason), 0.001)
    now += 3
    statistics.receive()
    statistics.publish(replace(result(False, 1.0), distance=4), 0.001)
    now += 0.5
    report = statistics.report()
    assert report.key_frames == {'first': 1, 'back': 2, 'cut': 1}
    assert (report.when, report.silence, report.key_age, report.distance) == (68.5, 0.5, 3.5, 4)


def test_the_last_error_stays_until_the_next() -> None:
    statistics = Statistics()
    status = []
    for reason, error in (('refused', 'a'), ('dropped', ''), ('failed', 'b')):
        statistics.leave(reason, error)
        status.append(statistics.report().last_error)
    assert status == ['a', 'a', 'b']


def test_counts_from_several_threads_add_up() -> None:
    statistics = Statistics()

    def count() -> None:
        for number in range(2000):
            statistics.receive()
            if number % 2:
                statistics.publish(result(False, 1.0), 0.001)
            else:
                statistics.leave('dropped')

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = statistics.report()
    assert (report.received, report.published, report.unfinished) == (8000, 4000, {'dropped': 4000})
    assert report.waiting == 0
