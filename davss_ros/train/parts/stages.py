# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The two stages of DAVSS (section III-E) on prepared samples: first distortion, then correction.

The flow is not trained here. Where a sample has true labels they are the target, elsewhere the key network's own.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.core.classes import VOID
from davss_ros.networks.efficientnet_lite import imagenet_start
from davss_ros.networks.interface import Propagated
from davss_ros.networks.registry import build
from davss_ros.networks.resample import down, up
from davss_ros.train.losses.labels import label_loss, mean_divergence, up_every_second
from davss_ros.train.material.motion import MotionSamples
from davss_ros.train.material.regroup import Regrouping, regrouped
from davss_ros.train.runs import checkpoint, identity
from davss_ros.train.runs.compute import Compute
from davss_ros.train.runs.loop import Progress, Task, fit, optimizer

log = logging.getLogger(__name__)
COMPUTE = Compute()
AS_THEY_ARE = Regrouping()


@dataclass(frozen=True)
class StageTraining:
    """Settings of one stage."""

    network: str  # registered name
    classes: int
    epochs: int = 8
    batch: int = 8
    learning_rate: float = 2e-3
    encoder_factor: float = 0.25  # learning rate of a pretrained encoder, relative
    weight_decay: float = 1e-2
    gain: float = 1.0  # the correction counts by gain x distortion, at most 1, as it will in use
    distill: float = 0.5  # weight of following the key network's scores (correction)
    everywhere: float = 0.0  # weight of being right also where the map trusts propagation (correction)
    start: Path | None = None  # as in `KeyTraining`
    regroup: Regrouping = AS_THEY_ARE  # other classes and temperatures (distortion)
    seed: int = 0

    def fingerprint(self) -> dict[str, object]:
        """Return what decides the result, for `checkpoint.resume`."""
        return {name: value for name, value in asdict(self).items() if name != 'start'}


@dataclass(frozen=True)
class _Batch:
    image: Tensor  # (N, 3, H, W) in [0, 1]
    labels: Tensor  # (N, H, W) int64
    propagated: Propagated
    teacher: Tensor  # (N, C, h, w)
    wrong: Tensor  # (N, h, w) in [0, 1]
    offset: tuple[int, int]


def train_distortion(
    settings: StageTraining,
    samples: MotionSamples,
    out: Path,
    progress: Progress = log.info,
    compute: Compute = COMPUTE,
) -> nn.Module:
    """Stage 1: predict where the propagated label differs from the key network's own. Returns the network, in eval.

    The target is the share of wrong labels in each 4x4 block, at 1/4 size: the paper's loss but for what upsampling
    does to the map, at a sixteenth of the work.
    """
    torch.manual_seed(settings.seed)
    network = build('distortion', settings.network, settings.classes)
    made_of = {'samples': samples.made_of}
    if settings.start is not None:
        taken = checkpoint.take_over(settings.start, network, 'distortion')
        progress(f'{settings.network}: {taken} of {len(network.state_dict())} tensors from {settings.start}')
        made_of['start'] = identity.of_start(settings.start)

    def loss(batch: _Batch) -> Tensor:
        with compute.autocast():
            predicted = network(batch.propagated, down(batch.image))
        return F.binary_cross_entropy(predicted[:, 0].float(), batch.wrong)

    return _train(settings, network, samples, loss, out, progress, compute, made_of, settings.regroup)


def train_correction(
    settings: StageTraining,
    distortion: nn.Module,
    samples: MotionSamples,
    out: Path,
    progress: Progress = log.info,
    compute: Compute = COMPUTE,
) -> nn.Module:
    """Stage 2: make the merged scores right, with the distortion network as it is. Returns the network, in eval."""
    torch.manual_seed(settings.seed)
    network = build('correction', settings.network, settings.classes)
    made_of = {'samples': samples.made_of, 'distortion': identity.of_tensors(distortion.state_dict())}
    if settings.start is None:
        imagenet_start(network)
    else:
        taken = checkpoint.take_over(settings.start, network, 'correction')
        progress(f'{settings.network}: {taken} of {len(network.state_dict())} tensors from {settings.start}')
        made_of['start'] = identity.of_start(settings.start)

    def loss(batch: _Batch) -> Tensor:
        with compute.autocast():
            with torch.no_grad():
                weight = distortion(batch.propagated, down(batch.image))
            correction = network(batch.image, batch.propagated)
        weight = (settings.gain * weight.float()).clamp(max=1)
        return correction_loss(correction, weight, batch, settings.distill, settings.everywhere)

    return _train(settings, network, samples, loss, out, progress, compute, made_of)


def correction_loss(
    correction: Tensor, weight: Tensor, batch: _Batch, distill: float, everywhere: float = 0.0
) -> Tensor:
    """Return the loss of the merged scores, of the correction where it counts, and of leaving the key network."""
    labels = batch.labels[:, batch.offset[0] :: 2, batch.offset[1] :: 2]
    propagated, correction = batch.propagated.scores, correction.float()
    scores, alone, share = (up_every_second(x, batch.offset) for x in (propagated, correction, weight))
    loss = label_loss(torch.lerp(scores, alone, share), labels)
    wrong = F.cross_entropy(alone, labels, ignore_index=VOID, reduction='none')
    loss = loss + (wrong * share[:, 0]).mean()
    quarter = torch.lerp(propagated, correction, weight)
    loss = loss + distill * mean_divergence(quarter, batch.teacher)
    if everywhere:
        loss = loss + everywhere * (label_loss(alone, labels) + distill * mean_divergence(correction, batch.teacher))
    return loss


def _train(
    settings: StageTraining,
    network: nn.Module,
    samples: MotionSamples,
    loss: Callable[[_Batch], Tensor],
    out: Path,
    progress: Progress,
    compute: Compute,
    made_of: Mapping[str, str],
    regroup: Regrouping = AS_THEY_ARE,
) -> nn.Module:
    task = Task(
        settings.network,
        network,
        optimizer(network, settings.learning_rate, settings.encoder_factor, settings.weight_decay),
        lambda epoch: _batches(samples, epoch, settings, regroup),
        loss,
        len(samples) // settings.batch,
        settings.epochs,
        out,
        {**settings.fingerprint(), **made_of},
    )
    fit(task, progress, compute)
    return network


def _batches(samples: MotionSamples, epoch: int, settings: StageTraining, regroup: Regrouping) -> Iterator[_Batch]:
    rng = np.random.default_rng((settings.seed, epoch))
    order = rng.permutation(len(samples))
    for start in range(0, len(order) - settings.batch + 1, settings.batch):
        at = np.sort(order[start : start + settings.batch])
        batch = _batch(samples, at, rng)
        if regroup != AS_THEY_ARE:
            scores, wrong = regrouped(batch.propagated.scores, batch.teacher, batch.wrong, rng, regroup)
            batch = replace(batch, propagated=batch.propagated._replace(scores=scores), wrong=wrong)
        yield batch


def _batch(samples: MotionSamples, at: np.ndarray, rng: np.random.Generator) -> _Batch:
    """Return samples as tensors, mirrored, brightened and tinted at random (both images alike)."""
    step = -1 if rng.random() < 0.5 else 1

    def take(array: np.ndarray, axis: int) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(np.flip(array[at], axis) if step < 0 else array[at]))

    tint = torch.from_numpy(
        rng.uniform(0.92, 1.08, (len(at), 3, 1, 1)) * rng.uniform(0.7, 1.3, (len(at), 1, 1, 1))
    ).float()
    image = (take(samples.image, 2).permute(0, 3, 1, 2).float() / 255 * tint).clamp(0, 1)
    labels = take(samples.labels, 2).long()
    teacher = take(samples.teacher, 3).float()
    unlabelled = (labels == VOID).flatten(1).all(1)
    if unlabelled.any():
        labels[unlabelled] = up(teacher[unlabelled]).argmax(1)
    scores, wrong = take(samples.scores, 3).float(), take(samples.wrong, 2).float()
    propagated_image = (take(samples.propagated_image, 3).float() * tint).clamp(0, 1)
    offset = int(rng.integers(2)), int(rng.integers(2))
    image = image.contiguous(memory_format=torch.channels_last)
    return _Batch(image, labels, Propagated(scores, propagated_image), teacher, wrong, offset)
