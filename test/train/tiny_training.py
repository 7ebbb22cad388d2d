# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A small training for tests that need processes of their own: ``python tiny_training.py OUT [PAUSE [DROPOUT]]``."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from davss_ros.train.losses.labels import label_loss
from davss_ros.train.runs import parallel
from davss_ros.train.runs.compute import Compute
from davss_ros.train.runs.loop import Task, fit

BATCH, EPOCHS, STEPS, CLASSES = 4, 3, 4, 3


def batches(epoch: int, pause: float = 0) -> Iterator[tuple[Tensor, Tensor]]:
    rng = torch.Generator().manual_seed(epoch)
    for _ in range(STEPS):
        time.sleep(pause)
        images = torch.randn(BATCH, 3, 12, 16, generator=rng, dtype=torch.float64)
        images[0] += 2  # no half of the batch is like the other
        labels = (images.sum(1) > 0).long() + (images[:, 0] > 1).long()
        labels[1:, 3:] = 255
        labels[3] = 255
        yield images, labels


def train(out: Path, pause: float = 0, dropout: float = 0) -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8), nn.ReLU()
    )
    network.extend([nn.Dropout2d(dropout), nn.Conv2d(8, CLASSES, 1)]).double()

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        return label_loss(network(batch[0]), batch[1])

    optimizer = torch.optim.AdamW(network.parameters(), 0.02)
    task = Task('tiny', network, optimizer, lambda epoch: batches(epoch, pause), loss, STEPS, EPOCHS, out, {'seed': 0})
    fit(task, lambda _: None, Compute())
    assert type(network[1]) is nn.BatchNorm2d  # as it was before
    return network


if __name__ == '__main__':
    with parallel.processes(torch.device('cpu')):
        train(Path(sys.argv[1]), *(float(word) for word in sys.argv[2:]))
