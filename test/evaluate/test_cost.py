# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.core.classes import SemanticClass
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.core.windows import MARGIN, SHAPE
from davss_ros.evaluate import cost
from davss_ros.evaluate.cost import Cost, costs, multiply_adds, stage_times
from davss_ros.networks.interface import Propagated

CONFIG = SegmenterConfig(device='cpu', working_height=32)
HEIGHT, WIDTH = 32, 48  # px, what frames of twice that are scaled to


class Key(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.spread = nn.Conv2d(3, 8, 3, stride=4, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 5, padding=2, groups=8)
        self.scores = nn.Conv2d(8, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.scores(F.relu(self.depthwise(self.spread(image))))


def flow(image: Tensor, previous: Tensor) -> Tensor:
    return torch.zeros_like(image[:, :2, ::4, ::4])


def distortion(propagated: Propagated, image: Tensor) -> Tensor:
    return F.conv2d(image, torch.zeros(1, 3, 1, 1))


def correction(image: Tensor, propagated: Propagated) -> Tensor:
    return F.linear(propagated.scores.permute(0, 2, 3, 1), torch.eye(2)).permute(0, 3, 1, 2)


@pytest.fixture
def model() -> Model:
    classes = (SemanticClass('ground', (0, 0, 0)), SemanticClass('wall', (9, 9, 9)))
    cpu = torch.device('cpu')
    return Model(Key(), flow, distortion, correction, classes, 'step', 1.0, False, cpu, torch.float32, 'stub')


@pytest.fixture
def frames() -> list:
    return list(np.random.default_rng(0).integers(0, 255, (9, 2 * HEIGHT, 2 * WIDTH, 3), np.uint8))


def test_multiply_adds_are_those_worked_out_by_hand(model: Model, frames: list) -> None:
    places = HEIGHT // 4 * WIDTH // 4
    assert multiply_adds(frames[0], model, CONFIG) == {
        'key': places * (3 * 3 * 3 * 8 + 5 * 5 * 8 + 8 * 2),
        'flow': 0,
        'distortion': places * 3,
        'correction': places * 2 * 2,
    }


def test_windows_cost_what_is_seen_in_them_and_everywhere_the_whole(model: Model) -> None:
    frame = np.random.default_rng(0).integers(0, 255, (128, 192, 3), np.uint8)
    config = replace(CONFIG, working_height=0)
    windows = replace(model, correction_share=0.9)  # two windows, each with its margin
    assert round(0.9 * 32 * 48 / (SHAPE[0] * SHAPE[1])) == 2
    area = 2 * (SHAPE[0] + 2 * MARGIN) * (SHAPE[1] + 2 * MARGIN)
    assert multiply_adds(frame, windows, config)['correction'] == area * 2 * 2
    everywhere = multiply_adds(frame, windows, config, 'correct_all')
    assert everywhere['correction'] == 32 * 48 * 2 * 2
    assert 'distortion' not in everywhere
    found = costs([frame] * 3, windows, config, ['correct_all', 'davss'])
    assert found['correct_all'].other_gmacs == everywhere['correction'] / 1e9


def test_every_mode_pays_for_what_it_runs(model: Model, frames: list) -> None:
    found = costs(frames, model, CONFIG, ['hold', 'flow', 'correct_all', 'davss'])
    counts = {role: count / 1e9 for role, count in multiply_adds(frames[0], model, CONFIG).items()}
    assert {each.key_gmacs for each in found.values()} == {counts['key']}
    assert {name: each.other_gmacs for name, each in found.items()} == pytest.approx(
        {
            'per_frame': counts['key'],
            'hold': 0,
            'flow': counts['flow'],
            'correct_all': counts['flow'] + counts['correction'],
            'davss': counts['flow'] + counts['correction'] + counts['distortion'],
        }
    )
    assert not found['per_frame'].other_ms
    for name, each in found.items():
        assert {'prepare', 'key', 'labels', 'total'} <= each.key_ms.keys()
        assert ('correction' in each.other_ms) == (name in ('correct_all', 'davss'))


def test_a_gate_is_counted_with_the_distortion_network_inside(model: Model, frames: list) -> None:
    def gate(propagated: Propagated, image: Tensor, look: Tensor, distance: Tensor) -> Tensor:
        return torch.cat([distortion(propagated, image), F.conv2d(image, torch.zeros(2, 3, 1, 1))], 1)

    gated = replace(model, gate=gate, window=correction)
    places = HEIGHT // 4 * WIDTH // 4
    counts = multiply_adds(frames[0], gated, CONFIG)
    assert counts['gate'] == places * (3 + 2 * 3) and 'distortion' not in counts
    found = costs(frames, gated, CONFIG, ['davss'])['davss']
    assert found.other_gmacs == pytest.approx(sum(value for role, value in counts.items() if role != 'key') / 1e9)


@pytest.mark.parametrize(('interval', 'looks'), [(1, 9), (2, 5), (3, 3), (9, 1)])
def test_a_look_counts_by_how_many_of_the_nine_frames_have_one(
    model: Model, frames: list, monkeypatch: pytest.MonkeyPatch, interval: int, looks: int
) -> None:
    work = {'key': 5e9, 'flow': 1e9, 'correction': 9e9, 'gate': 5e9, 'window': 4e9}
    times = [{'key': {'total': 1.0}, 'other': {'total': 1.0}}] * 2
    monkeypatch.setattr(cost, 'multiply_adds', lambda *_: work)
    monkeypatch.setattr(cost, 'stage_times', lambda *_: times)
    looking = replace(model, gate=lambda *inputs: inputs[1], window=correction, correction_interval=interval)
    assert costs(frames, looking, CONFIG, ['davss'])['davss'].other_gmacs == pytest.approx(1 + 5 + 4 + looks)


def test_mean_of_an_interval() -> None:
    found = Cost({'key': 90.0, 'total': 100.0}, {'flow': 10.0, 'total': 20.0}, 5.0, 1.0)
    assert found.mean(1) == (100, 5)
    assert found.mean(5) == (pytest.approx((100 + 4 * 20) / 5), pytest.approx((5 + 4 * 1) / 5))
    assert Cost({'total': 100.0}, {}, 5.0, 5.0).mean(5) == (100, 5)
    looking = Cost({'total': 100.0}, {'look': 9.0, 'total': 20.0}, 5.0, 2.0, look_gmacs=3.0, every=3)
    assert looking.mean(10) == (pytest.approx((100 + 9 * 20) / 10), pytest.approx((5 + 9 * 2) / 10))
    more = 2 - 4 * 3 / 9  # of the four frames two have a look, where of nine three have
    assert looking.mean(5) == (pytest.approx((100 + 80 + more * 9) / 5), pytest.approx((5 + 8 + more * 3) / 5))


def test_configurations_take_turns(model: Model, frames: list) -> None:
    order: list[str] = []

    class Watched(Key):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, image: Tensor) -> Tensor:
            order.append(self.name)
            return super().forward(image)

    configs = [replace(CONFIG, mode='hold', key_interval=3), replace(CONFIG, mode='per_frame')]
    times = stage_times(frames[:6], configs, replace(model, key=Watched('key')))
    assert len(order) == 3 + 2 + 6  # warming up: one key frame, and two; then 2 of 6, and all
    assert [set(kinds) for kinds in times] == [{'key', 'other'}] * 2
    assert times[0]['other'].keys() == {'prepare', 'labels', 'total'} and not times[1]['other']
