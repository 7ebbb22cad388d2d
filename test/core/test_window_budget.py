# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Windows between a floor and a budget, counted by what the correction network was given."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.core import segmenter
from davss_ros.core import window_budget as module
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model, load_model
from davss_ros.core.segmenter import VideoSegmenter, step_together
from davss_ros.core.window_budget import WindowBudget, window_budget, window_cost
from davss_ros.networks.interface import Propagated

CONFIG = SegmenterConfig(device='cpu', precision='float32', key_interval=100, cut_distortion=1.0)
FRAME: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 255, (360, 480, 3), np.uint8)
SIZE = (90, 120)


@pytest.fixture(scope='module')
def loaded() -> Model:
    return load_model(replace(CONFIG, gate='none', correction='key'))


class Counting:
    """The model's networks, with a map of one value and a correction that counts its windows."""

    def __init__(self, model: Model, distortion: float, share: float = 0.125) -> None:
        self.counts: list[int] = []
        self.model = replace(
            model,
            key=lambda image: torch.zeros(len(image), len(model.classes), image.shape[2] // 4, image.shape[3] // 4),
            distortion=lambda propagated, image: torch.full_like(image[:, :1], distortion),
            correction=self._correct,
            correction_share=share,
        )

    def _correct(self, image: Tensor, propagated: Propagated) -> Tensor:
        self.counts.append(len(image))
        return propagated.scores


def counted(model: Model, distortion: float, **changes: object) -> int:
    counting = Counting(model, distortion)
    video = VideoSegmenter(replace(CONFIG, **changes), model=counting.model)  # type: ignore[arg-type]  # of many types
    for _ in range(2):
        video.step(FRAME)
    return sum(counting.counts)


@pytest.mark.parametrize(
    ('distortion', 'changes', 'expected'),
    [
        (0.3, {}, 2),  # an eighth of the frame
        (0.0, {}, 0),
        (0.0, {'window_floor': 3}, 3),
        (0.3, {'window_floor': 3}, 3),
        (0.3, {'window_budget': 10.0, 'window_cost': 2.0}, 5),
        (0.3, {'window_budget': 11.9, 'window_cost': 2.0}, 5),
        (0.3, {'window_budget': 1.0, 'window_cost': 2.0}, 0),
        (0.3, {'window_budget': 1.0, 'window_cost': 2.0, 'window_floor': 1}, 1),
        (0.0, {'window_budget': 10.0, 'window_cost': 2.0}, 0),
        (0.001, {'window_budget': 10.0, 'window_cost': 2.0}, 0),  # not worth one
    ],
)
def test_the_number_follows_the_distortion_between_floor_and_budget(
    loaded: Model, distortion: float, changes: dict[str, float], expected: int
) -> None:
    assert counted(loaded, distortion, **changes) == expected


@pytest.mark.parametrize(('worth', 'floor', 'expected'), [(0.29, 0, 2), (0.31, 0, 0), (0.31, 1, 1)])
def test_a_window_must_be_as_wrong_as_it_is_worth(loaded: Model, worth: float, floor: int, expected: int) -> None:
    counting = Counting(replace(loaded, window_worth=worth), 0.3)
    video = VideoSegmenter(replace(CONFIG, window_floor=floor), model=counting.model)
    for _ in range(2):
        video.step(FRAME)
    assert sum(counting.counts) == expected


def test_cameras_of_a_batch_have_budgets_of_their_own(loaded: Model) -> None:
    counting = Counting(loaded, 0.3)
    configs = [replace(CONFIG, window_budget=budget, window_cost=1.0) for budget in (1.0, 4.0)]
    videos = [VideoSegmenter(config, model=counting.model) for config in configs]
    for _ in range(2):
        step_together(videos, [FRAME] * 2, [0, 0])
    assert counting.counts == [1 + 4]
    videos[0].reconfigure(replace(configs[0], window_budget=3.0))
    step_together(videos, [FRAME] * 2, [0, 0])
    assert counting.counts == [5, 3 + 4]


def test_a_cost_that_is_told_no_longer_is_measured(loaded: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(loaded, 0.3)
    video = VideoSegmenter(replace(CONFIG, window_budget=10.0, window_cost=2.0), model=counting.model)
    monkeypatch.setattr(segmenter, 'window_cost', lambda config, model: 5.0)
    for cost in (2.0, 0.0):
        video.reconfigure(replace(video.config, window_cost=cost))
        for _ in range(2):
            video.step(FRAME)
        assert counting.counts.pop() == (5 if cost else 2)


def test_a_cost_that_is_not_told_is_measured_without_what_does_not_grow(
    loaded: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def correction(image: Tensor, propagated: Propagated) -> Tensor:
        nonlocal now
        now += 0.050 + 0.004 * len(image)
        return propagated.scores

    monkeypatch.setattr(module, 'time', SimpleNamespace(perf_counter=lambda: now))
    model = replace(loaded, correction=correction)
    assert window_cost(replace(CONFIG, window_budget=20.0), model) == pytest.approx(4.0)
    assert window_cost(replace(CONFIG, window_budget=20.0, window_cost=7.0), model) == 7.0
    before = now
    assert window_cost(CONFIG, model) == 0
    assert now == before  # nothing was run where it does not matter


def test_without_a_budget_the_share_counts(loaded: Model) -> None:
    assert window_budget(CONFIG, replace(loaded, correction_share=0.25), SIZE, 0.0) == WindowBudget(0, 4)
