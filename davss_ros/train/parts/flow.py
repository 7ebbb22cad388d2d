# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Train a flow network without true flow: photometrically, or by following another flow.

Of networks whose flow is computed there is nothing to train.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.registry import build
from davss_ros.networks.resample import SCALE
from davss_ros.train.losses.flow import charbonnier, occluded, outside, photometric_loss
from davss_ros.train.material.clips import Clip
from davss_ros.train.material.scene import Image
from davss_ros.train.runs import checkpoint, identity
from davss_ros.train.runs.compute import Compute
from davss_ros.train.runs.loop import Progress, Task, fit, halves

log = logging.getLogger(__name__)
COMPUTE = Compute()
_Batch = tuple[Tensor, Tensor, bool]  # a frame and an earlier one, (N, 3, H, W) in [0, 1]; whether to judge occlusion


@dataclass(frozen=True)
class FlowTraining:
    """Settings of a run."""

    network: str = 'dis'  # registered name
    start: Path | None = None  # checkpoint of a flow network whose parts of the same name and shape are taken over
    method: Literal['photometric', 'distill'] = 'photometric'
    teacher: str = 'dis'  # registered name; followed by ``distill``
    compare: Literal['census', 'ssim'] = 'census'  # what makes two images differ
    smoothness: float = 0.05
    epochs: int = 40
    batch: int = 8
    size: tuple[int, int] = (0, 0)  # (height, width) of the views, multiples of 4; 0 takes the frames' own
    gap: int = 2  # most frames between the two
    learning_rate: float = 1e-4
    seed: int = 0

    def fingerprint(self) -> dict[str, object]:
        """Return what decides the result, for `checkpoint.resume`."""
        settings = {name: value for name, value in asdict(self).items() if name != 'start'}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}


def train_flow(
    settings: FlowTraining,
    clips: Callable[[], Sequence[Clip]],
    out: Path,
    progress: Progress = log.info,
    compute: Compute = COMPUTE,
) -> nn.Module:
    """Train, writing ``checkpoint.pt`` after every epoch, and return the network in evaluation mode.

    A network without weights is returned as it is.

    Args:
        settings: what decides the result.
        clips: returns the frames to train on; called if there is something to train.
        out: folder of the checkpoint.
        progress: told what happens.
        compute: device and arithmetic.

    Raises:
        DataError: too few frames, or the folder ``out`` holds another run.
    """
    torch.manual_seed(settings.seed)
    network = build('flow', settings.network, 0).eval()
    if not network.state_dict():
        return network
    made_of = {}
    if settings.start is None:
        _initialise(network)
    else:
        checkpoint.take_over(settings.start, network, 'flow')
        made_of['start'] = identity.of_start(settings.start)
    seen = clips()
    made_of['data'] = identity.of_arrays(image for clip in seen for image in clip.images)
    pairs = [(clip.images, now) for clip in seen for now in range(1, len(clip.images))]
    teacher = build('flow', settings.teacher, 0).eval()

    def distilled(batch: _Batch) -> Tensor:
        with torch.no_grad():
            wanted = teacher(*batch[:2])
        with compute.autocast():
            flow = network(*batch[:2])
        return charbonnier(flow.float() - wanted).mean()

    def photometric(batch: _Batch) -> Tensor:
        image, previous, settled = batch
        with compute.autocast():
            both = network(torch.cat([image, previous]), torch.cat([previous, image]))
        flow, back = both.float().chunk(2)
        small, small_previous = (F.avg_pool2d(x, SCALE) for x in (image, previous))
        hidden = occluded(flow.detach(), back.detach()) if settled else outside(flow.detach())
        return photometric_loss(small, small_previous, flow, hidden, settings.compare, settings.smoothness)

    task = Task(
        'flow',
        network,
        torch.optim.Adam(network.parameters(), settings.learning_rate),
        lambda epoch: _batches(pairs, epoch, settings),
        {'photometric': photometric, 'distill': distilled}[settings.method],
        len(pairs) // settings.batch,
        settings.epochs,
        out,
        {**settings.fingerprint(), **made_of},
        halves,
    )
    fit(task, progress, compute)
    return network


def _initialise(network: nn.Module) -> None:
    """Draw weights that keep the size of what passes (He et al., ICCV 2015), or so deep a network starts dead."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, 0.1)
            if module.out_channels == 2:  # flow: hardly any, so that what moved is first sought nearby
                module.weight.data *= 0.01
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _batches(pairs: list[tuple[Sequence[Image], int]], epoch: int, settings: FlowTraining) -> Iterator[_Batch]:
    rng = np.random.default_rng((settings.seed, epoch))
    order = rng.permutation(len(pairs))
    settled = 2 * epoch >= settings.epochs  # before, a flow of nonsense would pass for occluded, and be left at that
    for start in range(0, len(order) - settings.batch + 1, settings.batch):
        chosen = [pairs[index] for index in order[start : start + settings.batch]]
        views = [_view(images, now, settings, rng) for images, now in chosen]
        stacked = torch.from_numpy(np.stack(views)).permute(1, 0, 4, 2, 3).float() / 255  # (2, N, 3, H, W)
        gain = torch.from_numpy(rng.uniform(0.8, 1.2, (settings.batch, 1, 1, 1))).float()
        image, previous = ((x * gain).clamp(0, 1).contiguous(memory_format=torch.channels_last) for x in stacked)
        yield image, previous, settled


def _view(images: Sequence[Image], now: int, settings: FlowTraining, rng: np.random.Generator) -> Image:
    """Return a frame and one up to ``gap`` before it (or, as often, the other way round), cut and mirrored alike."""
    before = now - int(rng.integers(1, min(settings.gap, now) + 1))
    pair = np.stack([images[now], images[before]])
    if rng.random() < 0.5:
        pair = pair[::-1]
    height, width = (wanted or side for wanted, side in zip(settings.size, pair.shape[1:3], strict=True))
    top, left = (int(rng.integers(side - cut + 1)) for side, cut in zip(pair.shape[1:3], (height, width), strict=True))
    pair = pair[:, top : top + height, left : left + width]
    return pair[:, :, ::-1] if rng.random() < 0.5 else pair
