# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Train the gate: whom to believe, what was carried or the light network that looks at the whole frame.

Both networks are sure of what they were trained on, so the samples must show a drive that neither saw: those of a model
whose recipe leaves it out (``leave_out``). What is learned there holds for the model trained on everything, as the gate
sees how sure the networks are and not what of.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.core.classes import VOID
from davss_ros.core.labels import merge_sparse
from davss_ros.errors import ConfigError
from davss_ros.networks.interface import CorrectionNetwork, DistortionNetwork, Propagated
from davss_ros.networks.registry import build
from davss_ros.networks.resample import SCALE, down
from davss_ros.train.losses.labels import label_loss, up_every_second
from davss_ros.train.material.motion import MotionSamples, to_tensor
from davss_ros.train.runs import checkpoint, identity
from davss_ros.train.runs.compute import Compute
from davss_ros.train.runs.loop import Progress, Task, fit, optimizer

log = logging.getLogger(__name__)
COMPUTE = Compute()


@dataclass(frozen=True)
class GateTraining:
    """Settings of a run."""

    network: str = 'gate_any'  # registered name
    epochs: int = 10
    batch: int = 8
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    share: float = (
        0.6  # of the stills that are left out, and of every video, the first; settings are chosen by the rest
    )
    start: Path | None = None  # as in `KeyTraining`: a gate that was trained with a drive left out
    seed: int = 0

    def fingerprint(self) -> dict[str, object]:
        """Return what decides the result, for `checkpoint.resume`."""
        return {name: value for name, value in asdict(self).items() if name != 'start'}


@dataclass(frozen=True)
class GateSamples:
    """What the gate sees of S samples of motion, and what would be right; all at 1/4 size but for the labels."""

    propagated: NDArray[np.float16]  # (S, C, h, w)
    correction: NDArray[np.float16]  # (S, C, h, w)
    distortion: NDArray[np.float16]  # (S, 1, h, w)
    distance: NDArray[np.int64]  # (S,)
    labels: NDArray[np.uint8]  # (S, H, W), the key network's where there are none
    made_of: Mapping[str, str] = field(default_factory=dict)  # see `davss_ros.train.runs.identity`


@dataclass(frozen=True)
class _Batch:
    propagated: Tensor
    correction: Tensor
    distortion: Tensor
    distance: Tensor
    labels: Tensor
    offset: tuple[int, int]


def gate_samples(samples: MotionSamples, correction: CorrectionNetwork, distortion: DistortionNetwork) -> GateSamples:
    """Return what the networks make of samples of motion."""
    inputs, maps, labels = [], [], []
    with torch.inference_mode():
        for i in range(len(samples)):
            image = to_tensor(samples.image[i])
            scores, small = (
                torch.from_numpy(np.asarray(part[i : i + 1], np.float32))
                for part in (samples.scores, samples.propagated_image)
            )
            propagated = Propagated(scores, small)
            inputs.append(correction(image, propagated)[0].half().numpy())
            maps.append(distortion(propagated, down(image))[0].half().numpy())
            true = samples.labels[i]
            if (true == VOID).all():
                true = merge_sparse(torch.from_numpy(np.asarray(samples.teacher[i : i + 1], np.float32)))[0].numpy()
            labels.append(true)
    made_of = {'samples': samples.made_of}
    for name, network in (('light', correction), ('distortion', distortion)):
        if isinstance(network, nn.Module):
            made_of[name] = identity.of_tensors(network.state_dict())
    return GateSamples(samples.scores, np.stack(inputs), np.stack(maps), samples.distance, np.stack(labels), made_of)


def train_gate(
    settings: GateTraining,
    samples: GateSamples,
    out: Path,
    progress: Progress = log.info,
    compute: Compute = COMPUTE,
) -> nn.Module:
    """Train, writing ``checkpoint.pt`` after every epoch, and return the network in evaluation mode.

    The joined scores are to be right, and the second map is to be the share of each 4x4 block in which they are not.
    """
    torch.manual_seed(settings.seed)
    network = build('gate', settings.network, samples.propagated.shape[1])

    def loss(batch: _Batch) -> Tensor:
        propagated = Propagated(batch.propagated, batch.propagated[:, :0])
        weight, wrong = network(propagated, batch.correction, batch.distortion, batch.distance).split(1, 1)
        joined = batch.propagated.lerp(batch.correction, weight)
        labels = batch.labels[:, batch.offset[0] :: 2, batch.offset[1] :: 2]
        right = label_loss(up_every_second(joined, batch.offset), labels)
        return right + F.binary_cross_entropy(wrong[:, 0], wrong_share(joined.detach(), batch.labels))

    task = Task(
        settings.network,
        network,
        optimizer(network, settings.learning_rate, 1.0, settings.weight_decay),
        lambda epoch: _batches(samples, epoch, settings),
        loss,
        len(samples.labels) // settings.batch,
        settings.epochs,
        out,
        {**settings.fingerprint(), **samples.made_of},
    )
    fit(task, progress, compute)
    return network


def load_gate(settings: GateTraining, classes: int) -> nn.Module:
    """Return the gate of ``settings.start``, as it is.

    Raises:
        ConfigError: there is none to start from.
        DataError: it does not fit.
    """
    if settings.start is None:
        raise ConfigError(
            'gate: is trained on a drive that the networks have not seen: expected one to leave_out, or a start, '
            'found neither'
        )
    network = build('gate', settings.network, classes).eval()
    checkpoint.take_over(settings.start, network, 'gate')
    return network


def wrong_share(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the share of each 4x4 block whose label is wrong (N, h, w); void counts as right.

    Args:
        scores: (N, C, h, w).
        labels: (N, 4 h, 4 w).
    """
    wrong = (merge_sparse(scores) != labels) & (labels != VOID)
    return F.avg_pool2d(wrong.float(), SCALE)


def _batches(samples: GateSamples, epoch: int, settings: GateTraining) -> Iterator[_Batch]:
    rng = np.random.default_rng((settings.seed, epoch))
    order = rng.permutation(len(samples.labels))
    for start in range(0, len(order) - settings.batch + 1, settings.batch):
        at = np.sort(order[start : start + settings.batch])
        step = -1 if rng.random() < 0.5 else 1  # mirrored or not

        def take(array: NDArray[np.generic], at: NDArray[np.int64] = at, step: int = step) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array[at][..., ::step]))

        yield _Batch(
            take(samples.propagated).float(),
            take(samples.correction).float(),
            take(samples.distortion).float(),
            torch.from_numpy(samples.distance[at]),
            take(samples.labels).long(),
            (int(rng.integers(2)), int(rng.integers(2))),
        )
