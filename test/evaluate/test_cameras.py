# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Throughput of several cameras, on a clock that the segmenters themselves turn."""

import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from davss_ros.core.config import SegmenterConfig
from davss_ros.engines.threads import thread_count, use_threads
from davss_ros.evaluate import cameras as module
from davss_ros.evaluate.cameras import camera_throughput

CORES, CAMERAS, FRAMES, EACH = 2, 4, 5, 0.1


@pytest.fixture(autouse=True)
def cores() -> Any:
    before = thread_count()
    use_threads(CORES)
    yield
    assert thread_count() == CORES  # as it was
    use_threads(before)


def test_frames_a_second_are_those_of_all_cameras_by_one_worker_and_by_several(monkeypatch: pytest.MonkeyPatch) -> None:
    spent: dict[int, float] = {}  # by thread, s; workers are at work at once, so the longest counts
    videos: list[Any] = []
    lock = threading.Lock()

    class Video:
        def __init__(self, config: SegmenterConfig, *, model: Any, key_phase: int | None = None) -> None:
            self.model, self.phase, self.steps = model, key_phase, 0
            if key_phase is not None:
                videos.append(self)

        def warm_up(self, size: tuple[int, int]) -> None:
            assert size == (32, 48)

        def step(self, frame: Any) -> None:
            self.steps += 1
            with lock:
                place = threading.get_ident()
                spent[place] = spent.get(place, 0.0) + EACH * CORES / thread_count() ** 0.5

    monkeypatch.setattr(module, 'VideoSegmenter', Video)
    monkeypatch.setattr(module, 'load_model', lambda config: SimpleNamespace())
    begins: list[float] = []

    def clock() -> float:
        now = max(spent.values(), default=0.0)
        begins.append(now)
        if len(begins) % 2 == 0:
            spent.clear()
            return now
        return 0.0

    monkeypatch.setattr(time, 'perf_counter', clock)
    frames = [np.zeros((32, 48, 3), np.uint8)] * FRAMES
    found = camera_throughput(SegmenterConfig(key_interval=8), frames, CAMERAS, rounds=3)
    alone = EACH * CORES / CORES**0.5
    assert found == pytest.approx({1: 1 / alone, 2: 2 / (EACH * CORES)}, rel=1e-3)
    assert all(video.steps == 3 * FRAMES for video in videos)
    by_crew = [videos[:CAMERAS], videos[CAMERAS:]]
    assert [sorted(video.phase for video in crew) for crew in by_crew] == [[0, 2, 4, 6]] * 2
    assert [len({id(video.model) for video in crew}) for crew in by_crew] == [1, 2]


def test_one_camera_has_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    config = SegmenterConfig(device='cpu', working_height=64)
    frames = [np.full((64, 64, 3), shade, np.uint8) for shade in (0, 9)]
    assert list(camera_throughput(config, frames, 1, rounds=1)) == [1]
