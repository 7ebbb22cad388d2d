# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The two stages as the paper has them (DAVSS, section III-E), from end to end through the warp.

Stage 1 trains the distortion network alone. Stage 2 trains flow and correction together, with the key and the
distortion network as they are. Both see triplets: scores go from the key frame to the middle one, and on to the last.
"""

import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.core.classes import VOID
from davss_ros.core.propagation import PROPAGATIONS
from davss_ros.networks.interface import Propagated
from davss_ros.networks.registry import build
from davss_ros.networks.resample import down, up
from davss_ros.train.losses.labels import mean_cross_entropy
from davss_ros.train.material.clips import Clip
from davss_ros.train.material.triplets import Triplet, TripletSource
from davss_ros.train.runs import identity
from davss_ros.train.runs.compute import Compute
from davss_ros.train.runs.loop import Progress, Task, fit, halves

log = logging.getLogger(__name__)
COMPUTE = Compute()


@dataclass(frozen=True)
class TripletTraining:
    """Settings of one stage; the defaults are the paper's, but for epochs and batch, which depend on the data."""

    network: str  # registered name
    classes: int
    epochs: int = 20
    batch: int = 4
    size: tuple[int, int] = (0, 0)  # (height, width) of the views, multiples of 4; 0 takes the frames' own
    shortest: int = 2  # frames from the key frame to the last
    longest: int = 10
    learning_rate: float = 1e-4
    propagation: str = 'step'  # see `davss_ros.core.propagation`
    align_corners: bool = True  # see `davss_ros.networks.resample`
    seed: int = 0

    def fingerprint(self) -> dict[str, object]:
        """Return what decides the result, for `checkpoint.resume`."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


class Step(NamedTuple):
    """One frame of a triplet, reached by propagation."""

    image: Tensor  # (N, 3, H, W)
    carried: Propagated
    teacher: Tensor  # (N, H, W) int64, the key network's labels
    labels: Tensor  # (N, H, W) int64, the true ones, or the key network's


class FlowAndCorrection(nn.Module):
    """What stage 2 trains together; a flow that is computed has no part in it."""

    def __init__(self, flow: nn.Module, correction: nn.Module) -> None:
        super().__init__()
        self.flow = flow
        self.correction = correction


def train_distortion_on_triplets(
    settings: TripletTraining,
    key: nn.Module,
    flow: nn.Module,
    clips: Sequence[Clip],
    out: Path,
    progress: Progress = log.info,
    compute: Compute = COMPUTE,
) -> nn.Module:
    """Stage 1: predict where the propagated label differs from the key network's own. Returns the network, in eval.

    Raises:
        DataError: the clips are too short, or the folder ``out`` holds another run.
    """
    torch.manual_seed(settings.seed)
    network = build('distortion', settings.network, settings.classes)
    _freeze(compute, key, flow)

    def loss(batch: Triplet) -> Tensor:
        with torch.no_grad():
            steps = list(_steps(batch, key, flow, settings, compute))
        losses = []
        for step in steps:
            with compute.autocast():
                distortion = network(step.carried, down(step.image, settings.align_corners))
            losses.append(distortion_loss(distortion.float(), step, settings.align_corners))
        return torch.stack(losses).sum()

    _fit(settings, network, loss, clips, out, progress, compute, {'key': key, 'flow': flow})
    return network


def train_correction_on_triplets(
    settings: TripletTraining,
    key: nn.Module,
    flow: nn.Module,
    distortion: nn.Module,
    clips: Sequence[Clip],
    out: Path,
    progress: Progress = log.info,
    compute: Compute = COMPUTE,
) -> FlowAndCorrection:
    """Stage 2: make the propagated and the merged scores right. Returns new networks, in evaluation mode.

    Raises:
        DataError: the clips are too short, or the folder ``out`` holds another run.
    """
    torch.manual_seed(settings.seed)
    correction = build('correction', settings.network, settings.classes)
    both = FlowAndCorrection(copy.deepcopy(flow) if flow.state_dict() else flow, correction).requires_grad_(True)
    _freeze(compute, key, distortion)

    def loss(batch: Triplet) -> Tensor:
        losses = []
        for step in _steps(batch, key, both.flow, settings, compute):
            with compute.autocast():
                with torch.no_grad():  # the map is a weight: no loss is lowered by hiding errors from it
                    weight = distortion(step.carried, down(step.image, settings.align_corners))
                scores = both.correction(step.image, step.carried)
            losses.append(correction_loss(scores.float(), weight.float(), step, settings.align_corners))
        return torch.stack(losses).sum()

    beside = {'key': key, 'flow': flow, 'distortion': distortion}
    _fit(settings, both, loss, clips, out, progress, compute, beside)
    return both


def distortion_loss(distortion: Tensor, step: Step, align_corners: bool) -> Tensor:
    """Return the cross-entropy of ``up(M)`` against [argmax up(f) != argmax up(Seg(I))] (DAVSS, section III-E)."""
    wrong = up(step.carried.scores, align_corners).argmax(1) != step.teacher
    return F.binary_cross_entropy(up(distortion, align_corners)[:, 0], wrong.float())


def correction_loss(correction: Tensor, weight: Tensor, step: Step, align_corners: bool) -> Tensor:
    """Return the loss of one frame (DAVSS, section III-E).

    The cross-entropy of the propagated scores, that of the merged scores, and the mean of the correction's weighted by
    the distortion map.
    """
    propagated, alone, share = (up(x, align_corners) for x in (step.carried.scores, correction, weight))
    merged = torch.lerp(propagated, alone, share)
    each = F.cross_entropy(alone, step.labels, ignore_index=VOID, reduction='none')
    return (
        mean_cross_entropy(propagated, step.labels)
        + mean_cross_entropy(merged, step.labels)
        + (each * share[:, 0]).mean()
    )


def _steps(
    batch: Triplet, key: nn.Module, flow: nn.Module, settings: TripletTraining, compute: Compute
) -> Iterator[Step]:
    """Carry the key frame's scores and image to the middle frame and to the last; gradients reach the flow alone."""
    unknown = torch.full_like(batch.labels, VOID)
    with torch.no_grad(), compute.autocast():
        scores = [key(image).float() for image in (batch.key, batch.middle, batch.last)]
    start = Propagated(scores[0], down(batch.key, settings.align_corners))
    carrying, previous = PROPAGATIONS[settings.propagation](start), batch.key
    for image, own, labels in ((batch.middle, scores[1], unknown), (batch.last, scores[2], batch.labels)):
        with compute.autocast():
            motion = flow(image, previous).float()
        teacher = up(own, settings.align_corners).argmax(1)
        unlabelled = (labels == VOID).flatten(1).all(1)[:, None, None]
        yield Step(image, carrying.advance(motion), teacher, torch.where(unlabelled, teacher, labels))
        previous = image


def _freeze(compute: Compute, *networks: nn.Module) -> None:
    for network in networks:
        network.to(compute.device).eval().requires_grad_(False)


def _fit(
    settings: TripletTraining,
    network: nn.Module,
    loss: Callable[[Triplet], Tensor],
    clips: Sequence[Clip],
    out: Path,
    progress: Progress,
    compute: Compute,
    beside: Mapping[str, nn.Module],
) -> None:
    made_of = {name: identity.of_tensors(other.state_dict()) for name, other in beside.items()}
    made_of['data'] = identity.of_arrays(array for clip in clips for array in (*clip.images, *clip.labels))
    source = TripletSource(clips, settings.shortest, settings.longest, settings.batch, settings.size, settings.seed)
    task = Task(
        settings.network,
        network,
        torch.optim.Adam(network.parameters(), settings.learning_rate),
        source.epoch,
        loss,
        len(source.ends()) // settings.batch,
        settings.epochs,
        out,
        {**settings.fingerprint(), **made_of},
        halves,
    )
    fit(task, progress, compute)
