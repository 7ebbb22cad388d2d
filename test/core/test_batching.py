# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The trial that decides on batches, with networks whose time is known: a clock that the networks themselves turn."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from davss_ros.core.batching import faster_together, together_ratio, worker_count
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model, load_model
from davss_ros.core.node_config import NodeConfig

CONFIG = SegmenterConfig(device='cpu')
SIZE = (32, 32)


@pytest.fixture(scope='module')
def model() -> Model:
    return load_model(CONFIG)


@dataclass
class Clock:
    """Costs of one correction: ``fixed`` and ``each`` frame's, s."""

    fixed: float
    each: float
    now: float = 0.0

    def correction(self, image: Tensor, propagated: object) -> Tensor:
        self.now += self.fixed + self.each * len(image)
        return torch.zeros(len(image), 11, image.shape[2] // 4, image.shape[3] // 4)


@pytest.mark.parametrize(
    ('fixed', 'each', 'count', 'ratio'),
    [
        (1.0, 0.0, 4, 1 / 4),  # a launch costs, frames do not
        (0.0, 1.0, 4, 1.0),  # nothing to win
        (1.0, 1.0, 2, 3 / 4),
        (0.1, 1.0, 3, 3.1 / 3.3),
    ],
)
def test_the_ratio_is_that_of_the_times(
    model: Model, monkeypatch: pytest.MonkeyPatch, fixed: float, each: float, count: int, ratio: float
) -> None:
    clock = Clock(fixed, each)
    monkeypatch.setattr(time, 'perf_counter', lambda: clock.now)
    timed = replace(model, correction=clock.correction)
    assert together_ratio(CONFIG, timed, count, SIZE) == pytest.approx(ratio)
    assert faster_together(CONFIG, timed, count, SIZE) == (ratio < 0.9)


def test_key_frames_and_cuts_do_not_disturb_the_trial(
    model: Model, monkeypatch: pytest.MonkeyPatch, distorted: Callable[[Model, float], Model]
) -> None:
    clock = Clock(1.0, 0.0)
    monkeypatch.setattr(time, 'perf_counter', lambda: clock.now)
    timed = replace(
        distorted(model, 0.99),
        correction=clock.correction,
        key=lambda image: torch.zeros(len(image), 11, image.shape[2] // 4, image.shape[3] // 4),
    )
    config = replace(CONFIG, key_interval=1, cut_distortion=0.1)
    assert together_ratio(config, timed, 2, SIZE) == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ('workers', 'batching', 'on_cpu', 'cameras', 'cores', 'expected'),
    [
        (0, 'auto', True, 1, 8, 1),
        (0, 'auto', True, 4, 2, 2),
        (0, 'auto', True, 2, 16, 2),
        (0, 'auto', True, 3, 2, 1),  # one camera would have a worker to itself
        (0, 'auto', True, 6, 4, 2),  # with two cores each
        (0, 'never', True, 4, 8, 4),
        (0, 'always', True, 4, 8, 1),  # one makes the batches
        (0, 'auto', False, 4, 8, 1),  # one keeps the device busy
        (3, 'auto', False, 4, 8, 3),
        (3, 'always', True, 2, 8, 2),
        (1, 'auto', True, 4, 8, 1),
    ],
)
def test_on_a_cpu_there_are_as_many_workers_as_share_cameras_and_cores_evenly(
    workers: int, batching: str, on_cpu: bool, cameras: int, cores: int, expected: int
) -> None:
    config = NodeConfig(workers=workers, batching=batching)
    assert worker_count(config, cameras, cores, on_cpu=on_cpu) == expected
