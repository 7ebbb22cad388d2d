# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The paper's two stages, on the bench with a key network that is hardly ever wrong."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.dis import DisFlow
from davss_ros.networks.flownets import FlowNetS
from davss_ros.networks.interface import Propagated
from davss_ros.networks.registry import build
from davss_ros.train.material.clips import Clip
from davss_ros.train.parts.published import (
    Step,
    TripletTraining,
    correction_loss,
    distortion_loss,
    train_correction_on_triplets,
    train_distortion_on_triplets,
)

DISTORTION = TripletTraining('dmnet', 3, epochs=12, batch=4, longest=4, learning_rate=2e-2)
CORRECTION = TripletTraining('cfnet', 3, epochs=2, batch=4, longest=4, learning_rate=1e-3)


class ByColor(nn.Module):
    """Scores by the distance to each class's colour."""

    def __init__(self, colors: np.ndarray) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(colors / 255).float())

    def forward(self, image: Tensor) -> Tensor:
        mean = F.avg_pool2d(F.avg_pool2d(image, 4), 3, 1, 1, count_include_pad=False)  # over the texture
        return -30 * (mean[:, None] - self.weight[:, :, None, None]).square().sum(2)


@pytest.fixture
def key(bench: ModuleType) -> nn.Module:
    return ByColor(bench.COLORS).eval()


@pytest.fixture
def clips(bench: ModuleType) -> list[Clip]:
    ranges = bench.SceneMotion(speed=0.05, turn=(2.0, 1.0))
    made: list[Clip] = bench.clips(bench.videos(0, 8, 6, ranges))
    return [Clip(clip.images, [None] * 6) if number % 2 else clip for number, clip in enumerate(made)]


def step(seed: int = 0) -> Step:
    rng = torch.Generator().manual_seed(seed)
    carried = Propagated(torch.randn(2, 3, 4, 6, generator=rng), torch.rand(2, 3, 4, 6, generator=rng))
    teacher, labels = torch.randint(0, 3, (2, 2, 16, 24), generator=rng)
    labels[0, :5] = 255
    return Step(torch.rand(2, 3, 16, 24, generator=rng), carried, teacher, labels)


@pytest.mark.parametrize('align_corners', [False, True])
def test_distortion_loss_is_the_papers(align_corners: bool) -> None:
    sample, said = step(), torch.rand(2, 1, 4, 6, generator=torch.Generator().manual_seed(1))
    at_full = F.interpolate(said, (16, 24), mode='bilinear', align_corners=align_corners)[:, 0].double()
    scores = F.interpolate(sample.carried.scores, (16, 24), mode='bilinear', align_corners=align_corners)
    total = 0.0
    for n, y, x in np.ndindex(2, 16, 24):
        wrong = int(scores[n, :, y, x].argmax()) != int(sample.teacher[n, y, x])
        probability = float(at_full[n, y, x])
        total -= np.log(probability if wrong else 1 - probability)
    expected = total / (2 * 16 * 24)
    assert float(distortion_loss(said, sample, align_corners)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('align_corners', [False, True])
def test_correction_loss_is_the_papers(align_corners: bool) -> None:
    sample, rng = step(), torch.Generator().manual_seed(1)
    said, weight = torch.randn(2, 3, 4, 6, generator=rng), torch.rand(2, 1, 4, 6, generator=rng)
    f, c, m = (
        F.interpolate(x, (16, 24), mode='bilinear', align_corners=align_corners).double().numpy()
        for x in (sample.carried.scores, said, weight)
    )
    propagated, merged, alone, labelled = 0.0, 0.0, 0.0, 0
    for n, y, x in np.ndindex(2, 16, 24):
        label = int(sample.labels[n, y, x])
        if label == 255:
            continue
        labelled += 1

        def surprise(scores: np.ndarray, label: int = label) -> float:
            return float(np.log(np.exp(scores).sum()) - scores[label])

        place = n, slice(None), y, x
        share = m[n, 0, y, x]
        propagated += surprise(f[place])
        merged += surprise(f[place] * (1 - share) + c[place] * share)
        alone += surprise(c[place]) * share
    expected = (propagated + merged) / labelled + alone / (2 * 16 * 24)
    assert float(correction_loss(said, weight, sample, align_corners)) == pytest.approx(expected, rel=1e-5)


def test_stage_1_learns_what_propagation_got_wrong(
    bench: ModuleType, key: nn.Module, clips: list[Clip], tmp_path: Path
) -> None:
    held_out = bench.samples(bench.videos(bench.HELD_OUT, 16, 5, bench.SceneMotion(speed=0.05)), (2, 4))
    lines: list[str] = []
    network = train_distortion_on_triplets(DISTORTION, key, DisFlow(), clips, tmp_path, lines.append)
    losses = [float(line.rsplit(' ', 1)[1]) for line in lines]
    assert not network.training and losses[-1] < 0.8 * losses[0]
    assert bench.auc(network, held_out) > 0.9


def state(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def changed(network: nn.Module, before: dict[str, Tensor]) -> bool:
    return any(not torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_stage_2_trains_flow_and_correction_alone(key: nn.Module, clips: list[Clip], tmp_path: Path) -> None:
    torch.manual_seed(0)
    flow, distortion = FlowNetS(), build('distortion', 'dmnet', 3)
    before = {network: state(network) for network in (key, flow, distortion)}
    lines: list[str] = []
    settings = replace(CORRECTION, size=(48, 64))
    both = train_correction_on_triplets(settings, key, flow, distortion, clips, tmp_path, lines.append)
    assert not any(changed(network, old) for network, old in before.items())
    assert not both.training and changed(both.flow, before[flow])
    losses = [float(line.rsplit(' ', 1)[1]) for line in lines]
    assert losses[-1] < losses[0]
    again = train_correction_on_triplets(settings, key, flow, distortion, clips, tmp_path, lines.append)
    assert len(lines) == 2 and not changed(again, state(both))  # loaded


def test_a_computed_flow_has_no_part_in_stage_2(key: nn.Module, clips: list[Clip], tmp_path: Path) -> None:
    settings = replace(CORRECTION, network='cfnet_lite', epochs=1, propagation='composed')
    both = train_correction_on_triplets(
        settings, key, DisFlow(), build('distortion', 'dmnet_lite', 3), clips, tmp_path, lambda _: None
    )
    assert not both.flow.state_dict() and both.correction.state_dict()
