"""The training loop that all networks share: one-cycle learning rate, clipped gradients, a checkpoint an epoch."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from davss_ros.errors import DataError
from davss_ros.networks.layers import channels_last
from davss_ros.train import checkpoint

CLIP = 5.0  # largest norm of the gradient
B = TypeVar('B')
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Task(Generic[B]):
    """What to train and how.

    Attributes:
        name: in the log.
        network: trained in place.
        optimizer: its groups' learning rates are the peaks of the cycle.
        batches: epoch -> its batches; must depend on nothing else, so that a resumed run ends the same.
        loss: of one batch.
        steps: batches an epoch.
        epochs: epochs in all.
        out: folder of ``checkpoint.pt``.
        settings: what decides the result; a checkpoint made with others is refused.
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


def fit(task: Task[B], progress: Progress) -> None:
    """Train to the end, from the last checkpoint if there is one, and leave the network in evaluation mode.

    Raises:
        DataError: not one whole batch, or a checkpoint of a run with other settings.
    """
    if not task.steps:
        raise DataError(f'{task.name}: expected at least one whole batch of data, found less')
    channels_last(task.network)
    peaks = [group['lr'] for group in task.optimizer.param_groups]
    task.out.mkdir(parents=True, exist_ok=True)
    path = task.out / 'checkpoint.pt'
    done = checkpoint.resume(path, task.network, task.optimizer, task.settings)
    for epoch in range(done, task.epochs):
        task.network.train()
        total = 0.0
        for step, batch in enumerate(task.batches(epoch)):
            rate = one_cycle((epoch * task.steps + step) / (task.epochs * task.steps))
            for group, peak in zip(task.optimizer.param_groups, peaks, strict=True):
                group['lr'] = peak * rate
            loss = task.loss(batch)
            task.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(task.network.parameters(), CLIP)
            task.optimizer.step()
            total += float(loss.detach())
        progress(f'{task.name}: epoch {epoch + 1}/{task.epochs}: loss {total / task.steps:.4f}')
        checkpoint.save(path, task.network, task.optimizer, epoch + 1, task.settings)
    task.network.eval()


def one_cycle(done: float, warmup: float = 0.15) -> float:
    """Return the learning rate at ``done`` (0 to 1) of a run, relative to its peak: linear up, cosine down."""
    if done < warmup:
        return 0.05 + 0.95 * done / warmup
    return 0.5 * (1 + float(np.cos(np.pi * (done - warmup) / (1 - warmup)))) + 1e-3
