# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The loop itself; that processes share the work is tested in `test_parallel.py`."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.train.runs.compute import Compute
from davss_ros.train.runs.loop import Task, fit, halves, one_cycle

TINY = Path(__file__).parent.parent / 'tiny_training.py'
ROOT = Path(__file__).parents[3]


Curve = Callable[..., list[tuple[int, float]]]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums over several threads round differently."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures('one_thread')
def test_a_killed_run_ends_with_the_same_weights(tiny: ModuleType, curve: Curve, tmp_path: Path) -> None:
    whole = tiny.train(tmp_path / 'whole', 0, 0.5).state_dict()
    command = [sys.executable, str(TINY), str(tmp_path / 'parts'), '0.3', '0.5']
    process = subprocess.Popen(command, cwd=ROOT, env={'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})
    checkpoint = tmp_path / 'parts' / 'checkpoint.pt'
    while process.poll() is None and not checkpoint.exists():
        time.sleep(0.02)
    time.sleep(0.5)  # a step or two into the second epoch
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert torch.load(checkpoint, weights_only=True)['done'] < tiny.EPOCHS
    torch.rand(7)  # whatever else happened meanwhile
    resumed = tiny.train(tmp_path / 'parts', 0, 0.5).state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
    assert curve(tmp_path / 'parts', 'loss') == curve(tmp_path / 'whole', 'loss')  # no step twice


@pytest.mark.parametrize('precision', [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_every_precision_learns(precision: torch.dtype, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))
    dtypes: set[torch.dtype] = set()
    compute = Compute(precision)

    def batches(epoch: int) -> Iterator[Tensor]:
        rng = torch.Generator().manual_seed(epoch)
        yield from torch.randn(5, 4, 3, 8, 8, generator=rng)

    def loss(batch: Tensor) -> Tensor:
        with compute.autocast():
            out = network(batch)
        dtypes.add(out.dtype)
        return F.mse_loss(out.float(), batch.mean(1, keepdim=True))

    lines: list[str] = []
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    fit(Task('tiny', network, optimizer, batches, loss, 5, 8, tmp_path, {}), lines.append, compute)
    losses = [float(line.rsplit(' ', 1)[1]) for line in lines]
    assert losses[-1] < 0.3 * losses[0]
    assert dtypes == {precision}
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())
    scaler = torch.load(tmp_path / 'checkpoint.pt', weights_only=True)['scaler']
    assert bool(scaler) == (precision == torch.float16)  # the scale goes on where it was


def test_schedule_and_validation_are_in_the_curves(curve: Curve, tmp_path: Path) -> None:
    network = nn.Conv2d(1, 1, 1)
    modes: list[bool] = []

    def validate() -> dict[str, float]:
        modes.append(network.training)
        return {'miou': len(modes) / 10}

    task = Task(
        'tiny',
        network,
        torch.optim.SGD(network.parameters(), 0.5),
        lambda epoch: iter(torch.ones(2, 1, 1, 4, 4)),
        lambda batch: network(batch).square().mean(),
        2,
        4,
        tmp_path,
        {},
        halves,
        validate,
    )
    lines: list[str] = []
    fit(task, lines.append, Compute())
    assert modes == [False] * 4
    assert lines[1].endswith(', miou 0.2000')
    assert curve(tmp_path, 'miou') == [(2 * (n + 1), pytest.approx((n + 1) / 10)) for n in range(4)]
    assert [rate for _, rate in curve(tmp_path, 'learning_rate')] == pytest.approx([0.5] * 4 + [0.05] * 4)


def test_without_tensorboard_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', None)
    network = nn.Conv2d(1, 1, 1)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    lines: list[str] = []
    batch = torch.ones(1, 1, 1, 4, 4)
    task = Task('tiny', network, optimizer, lambda _: iter(batch), lambda b: network(b).mean(), 1, 1, tmp_path, {})
    fit(task, lines.append, Compute())
    assert 'pip install tensorboard' in lines[0]
    assert (tmp_path / 'checkpoint.pt').is_file()


def test_one_cycle_rises_and_falls() -> None:
    rates = [one_cycle(step / 100) for step in range(101)]
    peak = rates.index(max(rates))
    assert 13 <= peak <= 17 and max(rates) == pytest.approx(1, abs=0.01)
    assert rates[0] < 0.1 and rates[-1] < 0.01
    assert rates[: peak + 1] == sorted(rates[: peak + 1]) and rates[peak:] == sorted(rates[peak:], reverse=True)
