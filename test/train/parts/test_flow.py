# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from davss_ros.networks import registry
from davss_ros.train.parts.flow import FlowTraining, train_flow

SETTINGS = FlowTraining('tiny', epochs=6, learning_rate=3e-3)


@pytest.fixture(autouse=True)
def tiny_flow(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.NETWORKS['flow'], 'tiny', lambda _: bench.TinyFlow())  # type: ignore[arg-type]  # a stand-in


def motion(bench: ModuleType) -> object:
    return bench.SceneMotion(turn=(2.0, 1.0), speed=0.04, cutouts=1, homography=0.5)


def error(bench: ModuleType, network: nn.Module | None) -> float:
    """Mean end-point error against the true flow of videos not trained on, 1/4-size px; None: of no flow at all."""
    errors = []
    for video in bench.videos(bench.HELD_OUT, 16, 3, motion(bench)):
        true, visible = video.motion(2, 1).quarter()
        now, before = (bench.tensor(video.frames[t][0]) for t in (2, 1))
        with torch.inference_mode():
            flow = np.zeros_like(true) if network is None else network(now, before)[0].numpy()
        errors.append(np.hypot(*(flow - true))[visible])
    return float(np.concatenate(errors).mean())


@pytest.mark.parametrize(
    'change', [{}, {'compare': 'ssim'}, {'method': 'distill'}], ids=['census', 'ssim', 'distilled']
)
def test_training_lowers_the_error_against_the_true_flow(
    bench: ModuleType, change: dict[str, str], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    before = min(error(bench, None), error(bench, bench.TinyFlow().eval()))
    clips = bench.clips(bench.videos(bench.TRAIN, 32, 4, motion(bench)))
    network = train_flow(replace(SETTINGS, **change), lambda: clips, tmp_path, lambda _: None)
    assert error(bench, network) < 0.6 * before


@pytest.mark.parametrize('method', ['photometric', 'distill'])
def test_the_published_network_can_be_trained(bench: ModuleType, method: str, tmp_path: Path) -> None:
    clips = bench.clips(bench.videos(bench.TRAIN, 2, 3, motion(bench)))
    settings = FlowTraining('flownets', method=method, epochs=2, batch=2, size=(48, 64))
    lines: list[str] = []
    first = train_flow(settings, lambda: clips, tmp_path / 'one', lines.append)
    assert len(lines) == 2 and all(np.isfinite(float(line.rsplit(' ', 1)[1])) for line in lines)
    again = train_flow(replace(settings, start=tmp_path / 'one' / 'checkpoint.pt', epochs=0), lambda: clips, tmp_path)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in first.state_dict().items())


def test_of_a_computed_flow_there_is_nothing_to_train(tmp_path: Path) -> None:
    def clips() -> list[object]:
        raise AssertionError

    network = train_flow(FlowTraining('dis'), clips, tmp_path / 'out')  # type: ignore[arg-type]  # nothing is called
    assert not network.state_dict() and not (tmp_path / 'out').exists()
