# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The training loop that all networks share: one-cycle learning rate, clipped gradients, a checkpoint an epoch."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from davss_ros.errors import DataError
from davss_ros.networks.layers import channels_last
from davss_ros.train.runs import checkpoint, parallel
from davss_ros.train.runs.board import Plot, open_board
from davss_ros.train.runs.compute import Compute

CLIP = 5.0  # largest norm of the gradient
B = TypeVar('B')
Progress = Callable[[str], None]


def one_cycle(done: float, warmup: float = 0.15) -> float:
    """Return the learning rate at ``done`` (0 to 1) of a run, relative to its peak: linear up, cosine down."""
    if done < warmup:
        return 0.05 + 0.95 * done / warmup
    return 0.5 * (1 + float(np.cos(np.pi * (done - warmup) / (1 - warmup)))) + 1e-3


def halves(done: float) -> float:
    """Return the published schedule: a tenth in the second half (DAVSS, section IV-A)."""
    return 1.0 if done < 0.5 else 0.1


@dataclass(frozen=True)
class Task(Generic[B]):
    """What to train and how.

    Attributes:
        name: in the log.
        network: trained in place.
        optimizer: its groups' learning rates are the peaks of the schedule.
        batches: epoch -> its batches, whole ones (see `parallel.share`); must depend on nothing else, so that a
            resumed run ends the same.
        loss: of one batch, or of this process's share of it.
        steps: batches an epoch.
        epochs: epochs in all.
        out: folder of ``checkpoint.pt`` and of TensorBoard's files.
        settings: what decides the result; a checkpoint made with others is refused.
        schedule: share of the run that is done, 0 to 1 -> learning rate relative to the peak.
        validate: called after every epoch, the network in evaluation mode; what it returns is logged.
    """

    name: str
    network: nn.Module
    optimizer: Optimizer
    batches: Callable[[int], Iterable[B]]
    loss: Callable[[B], Tensor]
    steps: int
    epochs: int
    out: Path
    settings: dict[str, Any]
    schedule: Callable[[float], float] = one_cycle
    validate: Callable[[], Mapping[str, float]] | None = None


def fit(task: Task[B], progress: Progress, compute: Compute) -> None:
    """Train to the end, from the last checkpoint if there is one, and leave the network in evaluation mode.

    Several processes (`parallel`) share the work; the first one writes and reports.

    Raises:
        DataError: not one whole batch, or a checkpoint of a run with other settings, or not seen by all processes.
        ConfigError: a batch cannot be shared out evenly among the processes.
    """
    if not task.steps:
        raise DataError(f'{task.name}: expected at least one whole batch of data, found less')
    progress = progress if parallel.rank() == 0 else _silence
    network = channels_last(task.network).to(compute.device)
    peaks = [group['lr'] for group in task.optimizer.param_groups]
    scaler = torch.amp.GradScaler(compute.device.type, enabled=compute.precision == torch.float16)
    path = task.out / 'checkpoint.pt'
    done = checkpoint.resume(path, network, task.optimizer, task.settings, scaler)
    if int(parallel.total(torch.tensor(done, device=compute.device))) != done * parallel.world():
        raise DataError(f'{path}: not the same for all processes; the machines must share the folder')
    if done < task.epochs:
        task.out.mkdir(parents=True, exist_ok=True)
        with (
            _board(task, done, progress) as plot,
            parallel.together(network, task.loss) as loss_of,
        ):
            for epoch in range(done, task.epochs):
                mean = _epoch(task, epoch, peaks, loss_of, scaler, compute, plot)
                network.eval()
                report = {'loss': mean}
                if task.validate is not None and parallel.rank() == 0:
                    for name, value in task.validate().items():
                        report[name] = value
                        plot(name, value, (epoch + 1) * task.steps)
                figures = ', '.join(f'{name} {value:.4f}' for name, value in report.items())
                if parallel.rank() == 0:
                    checkpoint.save(path, network, task.optimizer, epoch + 1, task.settings, scaler)
                progress(f'{task.name}: epoch {epoch + 1}/{task.epochs}: {figures}')  # what is said is kept
    network.eval()
    parallel.wait_for_all()


def _epoch(
    task: Task[B],
    epoch: int,
    peaks: list[float],
    loss_of: Callable[[B], Tensor],
    scaler: torch.amp.GradScaler,
    compute: Compute,
    plot: Plot,
) -> float:
    """Train for one epoch; return its mean loss."""
    task.network.train()
    torch.manual_seed(int(task.settings.get('seed', 0)) + 1000 * epoch + parallel.rank())  # for dropout
    total = 0.0
    for number, batch in enumerate(task.batches(epoch)):
        step = epoch * task.steps + number
        rate = task.schedule(step / (task.epochs * task.steps))
        for group, peak in zip(task.optimizer.param_groups, peaks, strict=True):
            group['lr'] = peak * rate
        loss = loss_of(parallel.share(batch, compute.to))
        task.optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.unscale_(task.optimizer)
        torch.nn.utils.clip_grad_norm_(task.network.parameters(), CLIP)
        scaler.step(task.optimizer)
        scaler.update()
        value = float(parallel.total(loss.detach())) / parallel.world()
        plot('loss', value, step)
        plot('learning_rate', max(group['lr'] for group in task.optimizer.param_groups), step)
        total += value
    return total / task.steps


def _board(task: Task[B], done: int, progress: Progress) -> AbstractContextManager[Plot]:
    if parallel.rank():
        return nullcontext(lambda name, value, step: None)
    return open_board(task.out, done * task.steps, progress)


def _silence(text: str) -> None:
    """Say nothing."""


def prefetched(make: Callable[[int], B], starts: Sequence[int]) -> Iterator[B]:
    """Yield ``make`` of each of ``starts``; the next is made, in another thread, while one is in use."""
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(make, starts[0])
        for following in [*starts[1:], None]:
            batch = ahead.result()
            if following is not None:
                ahead = pool.submit(make, following)
            yield batch


def optimizer(network: nn.Module, rate: float, encoder_factor: float, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW at ``rate``; a part named ``encoder`` learns slower by the factor; only kernels decay."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        own = rate * (encoder_factor if name.startswith('encoder.') else 1.0)
        decay = weight_decay if parameter.ndim > 1 else 0.0  # not on biases and normalisation
        groups.setdefault((own, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{'params': group, 'lr': own, 'weight_decay': decay} for (own, decay), group in groups.items()]
    )
