# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Train the correction network on stills beside which something stale lies (`davss_ros.train.material.stale`).

It learns to see what is there and what of the propagated scores to believe; what propagation really gets wrong it
learns from motion afterwards (`davss_ros.train.parts.stages`).
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from davss_ros.datasets.stills import LabelledImage
from davss_ros.errors import DataError
from davss_ros.networks.efficientnet_lite import imagenet_start
from davss_ros.networks.interface import KeyNetwork, Propagated
from davss_ros.networks.registry import build
from davss_ros.networks.resample import SCALE
from davss_ros.train.losses.labels import mean_divergence, segmentation_loss
from davss_ros.train.material.augment import Augmentation
from davss_ros.train.material.motion import to_tensor
from davss_ros.train.material.scene import SceneClasses
from davss_ros.train.material.stale import Staleness, Still, View, stale_views
from davss_ros.train.parts.key import rare_classes
from davss_ros.train.runs import checkpoint, identity, parallel
from davss_ros.train.runs.compute import Compute
from davss_ros.train.runs.loop import Progress, Task, fit, optimizer, prefetched

log = logging.getLogger(__name__)
COMPUTE = Compute()


@dataclass(frozen=True)
class StillsTraining:
    """Settings of a run."""

    network: str  # registered name
    classes: int
    epochs: int = 30
    batch: int = 8
    scale: tuple[float, float] = (0.85, 1.9)  # of the views
    learning_rate: float = 2e-3
    encoder_factor: float = 0.4  # learning rate of a pretrained encoder, relative
    weight_decay: float = 1e-2
    distill: float = 0.5  # weight of following the key network's scores
    rare: tuple[int, ...] | None = None  # as in `KeyTraining`
    start: Path | None = None  # as in `KeyTraining`; without, the encoder's ImageNet weights
    roles: SceneClasses = SceneClasses()  # noqa: RUF009  # immutable
    staleness: Staleness = Staleness()  # noqa: RUF009  # immutable
    seed: int = 0

    def fingerprint(self) -> dict[str, object]:
        """Return what decides the result, for `checkpoint.resume`."""
        settings = {name: value for name, value in asdict(self).items() if name != 'start'}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()} | {
            'roles': {role: list(ids) for role, ids in asdict(self.roles).items()}
        }


@dataclass(frozen=True)
class _Batch:
    image: Tensor  # (N, 3, H, W) in [0, 1]
    labels: Tensor  # (N, H, W) int64
    propagated: Propagated
    teacher: Tensor  # (N, C, h, w)
    offset: tuple[int, int]  # see `segmentation_loss`


def train_correction_on_stills(
    settings: StillsTraining,
    key: Callable[[], KeyNetwork],
    stills: Sequence[LabelledImage],
    out: Path,
    scores: Path,
    progress: Progress = log.info,
    compute: Compute = COMPUTE,
) -> nn.Module:
    """Train, writing ``checkpoint.pt`` after every epoch, and return the network in evaluation mode.

    Args:
        settings: what decides the result.
        key: gives the key network, in evaluation mode on the CPU.
        stills: labelled images of one size, whose sides are multiples of 4.
        out: folder of the checkpoint.
        scores: file of the key network's scores of the stills, ``.npy``.
        progress: told what happens.
        compute: device and arithmetic.

    Raises:
        DataError: the stills differ in size, or the folder holds another run.
    """
    prepared, made_of = _prepare(stills, settings.classes, key, scores)
    if settings.rare is None:
        settings = replace(settings, rare=rare_classes([still.labels for still in prepared], settings.classes))
    torch.manual_seed(settings.seed)
    network = build('correction', settings.network, settings.classes)
    if settings.start is None:
        imagenet_start(network)
    else:
        taken = checkpoint.take_over(settings.start, network, 'correction')
        progress(f'{settings.network}: {taken} of {len(network.state_dict())} tensors from {settings.start}')
        made_of['start'] = identity.of_start(settings.start)

    def loss(batch: _Batch) -> Tensor:
        with compute.autocast():
            corrected = network(batch.image, batch.propagated)
        followed = mean_divergence(corrected.float(), batch.teacher)
        return segmentation_loss(corrected, batch.labels, batch.offset) + settings.distill * followed

    task = Task(
        f'{settings.network} on stills',
        network,
        optimizer(network, settings.learning_rate, settings.encoder_factor, settings.weight_decay),
        lambda epoch: _batches(prepared, epoch, settings),
        loss,
        len(prepared) // settings.batch,
        settings.epochs,
        out,
        {**settings.fingerprint(), **made_of},
    )
    fit(task, progress, compute)
    return network


def _prepare(
    stills: Sequence[LabelledImage], classes: int, key: Callable[[], KeyNetwork], path: Path
) -> tuple[list[Still], dict[str, str]]:
    """Read the stills and the key network's scores of them, which are kept in ``path``; return what made them, too."""
    images = [(still.image(), still.labels(classes)) for still in stills]
    odd = {image.shape[:2] for image, _ in images}
    if len(odd) > 1 or any(side % SCALE for size in odd for side in size):
        raise DataError(f'stills: expected one size, a multiple of {SCALE}, found {sorted(odd)[:3]}')
    network, note = key(), path.with_suffix('.json')
    made_of = {'data': identity.of_arrays(array for pair in images for array in pair)}
    if isinstance(network, nn.Module):
        made_of['key'] = identity.of_tensors(network.state_dict())
    if not path.is_file():
        if parallel.rank() == 0:
            with torch.inference_mode():
                scores = np.stack([network(to_tensor(image))[0].half().numpy() for image, _ in images])
            path.parent.mkdir(parents=True, exist_ok=True)
            identity.write_note(note, made_of)
            np.save(path.with_name('partial.npy'), scores)
            path.with_name('partial.npy').replace(path)
        parallel.wait_for_all()
    identity.check_note(note, made_of)
    scores = np.load(path)
    return [Still(image, labels, score) for (image, labels), score in zip(images, scores, strict=True)], made_of


def _batches(stills: list[Still], epoch: int, settings: StillsTraining) -> Iterator[_Batch]:
    """Yield the batches of one epoch; they depend on seed and epoch only."""
    order = np.random.default_rng((settings.seed, epoch)).permutation(len(stills))
    ranges = Augmentation(scale=settings.scale)

    def make(start: int) -> _Batch:
        rng = np.random.default_rng((settings.seed, epoch, start))
        few = [stills[i] for i in order[start : start + settings.batch]]
        views = list(stale_views(few, settings.roles.movable, settings.rare or (), rng, ranges, settings.staleness))
        return _batch(views, (int(rng.integers(2)), int(rng.integers(2))))

    return prefetched(make, range(0, len(stills) - settings.batch + 1, settings.batch))


def _batch(views: Sequence[View], offset: tuple[int, int]) -> _Batch:
    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(view, name) for view in views]))

    image = stack('image').permute(0, 3, 1, 2).float() / 255
    return _Batch(
        image.contiguous(memory_format=torch.channels_last),
        stack('labels').long(),
        Propagated(stack('scores'), stack('propagated_image')),
        stack('teacher'),
        offset,
    )
