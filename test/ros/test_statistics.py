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
    assert (report.received, report.published, report.key_frames) == (104, 101, 11)
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
