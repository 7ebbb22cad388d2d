# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Train the key network on labelled images."""

import copy
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from davss_ros.core.classes import VOID
from davss_ros.datasets.stills import LabelledImage, labelled_images
from davss_ros.engines.choice import choose_engines
from davss_ros.engines.engine_network import EngineNetwork
from davss_ros.engines.registry import AUTO
from davss_ros.errors import ConfigError
from davss_ros.networks.again import Joined, Mirrored, at_scale
from davss_ros.networks.efficientnet_lite import imagenet_start
from davss_ros.networks.interface import KeyNetwork
from davss_ros.networks.layers import channels_last, fuse
from davss_ros.networks.registry import build
from davss_ros.networks.resample import SCALE
from davss_ros.networks.weights import load_into, read_weights
from davss_ros.train.losses.labels import mean_divergence, segmentation_loss
from davss_ros.train.material.augment import Augmentation, Image, paste, random_view
from davss_ros.train.material.camera import CameraFaults
from davss_ros.train.runs import checkpoint, identity
from davss_ros.train.runs.compute import Compute
from davss_ros.train.runs.loop import Progress, Task, fit, optimizer, prefetched
from davss_ros.train.runs.validation import stills_miou

log = logging.getLogger(__name__)
COMPUTE = Compute(torch.bfloat16)
RARE = 0.02  # share of the labelled pixels; of CamVid pole, sign, fence, pedestrian, bicyclist are below it
START = 'start'  # as teacher: the network as it was before
# images (N, 3, H, W), labels (N, H, W), `segmentation_loss`'s offset, and at which scale the network sees the images
_Batch = tuple[Tensor, Tensor, tuple[int, int], float]


@dataclass(frozen=True)
class KeyTraining:
    """Settings of a run."""

    data: Path
    out: Path
    network: str = 'deeplab_lite1'  # registered name
    start: Path | None = None  # checkpoint.pt or model whose parts of the same name and shape are taken over
    classes: int = 11
    epochs: int = 20
    batch: int = 8
    size: tuple[int, int] = (0, 0)  # (height, width) of the views, multiples of 4; 0 takes the images' own
    scale: tuple[float, float] = Augmentation.scale
    look_scales: tuple[float, ...] = (1.0,)  # at which the network sees the views, each batch at one, see `at_scale`
    paste: float = 0.0  # share of views into which the rare classes of another are pasted
    faults: float = 0.0  # share of each of the faults of cameras in the views, see `CameraFaults`
    # Model whose key network is followed as well as the labels, section of the same recipe that was trained before, or
    # `START`; empty: the labels alone. Of several, separated by commas, the mean of their scores, see `Joined`.
    teacher: str = ''
    teacher_views: Literal[1, 2] = 1  # 2: the teacher also sees the mirror image, as `Mirrored`
    distill: float = 0.5  # weight of following the teacher's scores
    video_frames: int = 0  # of each video without labels, evenly: of them the teacher's scores are followed, no labels
    average: float = 0.0  # share of the start in the weights that come out (WiSE-FT, Wortsman et al., CVPR 2022)
    learning_rate: float = 1.5e-3
    encoder_factor: float = 0.4  # learning rate of the pretrained encoder, relative
    weight_decay: float = 1e-2
    rare: tuple[int, ...] | None = None  # class ids around which views are centred more often; None: `rare_classes`
    seed: int = 0

    def fingerprint(self) -> dict[str, object]:
        """Return what decides the result, for `checkpoint.resume`."""
        settings = {name: value for name, value in asdict(self).items() if name not in ('data', 'out', 'start')}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}


def train_key(
    settings: KeyTraining,
    progress: Progress = log.info,
    compute: Compute = COMPUTE,
    stills: Sequence[LabelledImage] | None = None,
    validation: Sequence[LabelledImage] = (),
    unlabelled: Sequence[Image] = (),
    trained: Mapping[str, nn.Module] | None = None,
) -> nn.Module:
    """Train, writing ``checkpoint.pt`` after every epoch, and return the network in evaluation mode.

    Args:
        settings: what decides the result.
        progress: told what happens.
        compute: device and arithmetic.
        stills: what to train on; None: those of the folder ``settings.data``.
        validation: labelled images not trained on; their mIoU is logged after every epoch.
        unlabelled: (H, W, 3) uint8 RGB images, on which the teacher alone is followed.
        trained: key networks in evaluation mode that ``settings.teacher`` may name.

    Raises:
        DataError: the data is incomplete, or the folder ``out`` holds another run.
        ConfigError: the teacher has other classes, or there are images without labels and no teacher.
        WeightsError: there is no such teacher, or it is damaged.
        ImportError: the encoder's ImageNet weights are not installed.
    """
    torch.manual_seed(settings.seed)
    stills = labelled_images(settings.data) if stills is None else stills
    samples = [(pair.image(), pair.labels(settings.classes)) for pair in stills]
    if settings.rare is None:
        settings = replace(settings, rare=rare_classes([labels for _, labels in samples], settings.classes))
    if unlabelled and not settings.teacher:
        raise ConfigError('video_frames: expected a teacher to follow on them, found none; set `teacher`, or 0')
    samples += [(image, np.full(image.shape[:2], VOID, np.uint8)) for image in unlabelled]
    made_of = {'data': identity.of_arrays(array for sample in samples for array in sample)}
    network = build('key', settings.network, settings.classes)
    if settings.start is None:
        imagenet_start(network)
    else:
        taken = checkpoint.take_over(settings.start, network, 'key')
        progress(f'key: {taken} of {len(network.state_dict())} tensors from {settings.start}')
        made_of['start'] = identity.of_start(settings.start)
    before = {name: value.clone() for name, value in network.state_dict().items()} if settings.average else {}
    followed_parts = teaching(settings, {**(trained or {}), START: network})
    others = (part for name, part in zip(teachers(settings), followed_parts, strict=True) if name != START)
    made_of['teachers'] = ' '.join(identity.of_tensors(part.state_dict()) for part in others)
    teacher = followed(settings, compute, followed_parts)

    def loss(batch: _Batch) -> Tensor:
        images, labels, offset, scale = batch
        with compute.autocast():
            scores = at_scale(network, scale)(images)
        loss = segmentation_loss(scores, labels, offset)
        if teacher is None:
            return loss
        with torch.no_grad():
            expected = teacher(images)
        return loss + settings.distill * mean_divergence(scores.float(), expected.float())

    task = Task(
        'key',
        network,
        optimizer(network, settings.learning_rate, settings.encoder_factor, settings.weight_decay),
        lambda epoch: _batches(samples, epoch, settings),
        loss,
        len(samples) // settings.batch,
        settings.epochs,
        settings.out,
        {**settings.fingerprint(), **made_of},
        validate=stills_miou(network, validation, settings.classes, compute) if validation else None,
    )
    fit(task, progress, compute)
    if before:
        network.load_state_dict(averaged(network.state_dict(), before, settings.average))
    return network


def averaged(after: Mapping[str, Tensor], before: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return weights in which those of ``before`` count by ``share``; what is not floating is that of ``after``."""
    return {
        name: value.lerp(before[name].to(value), share) if value.is_floating_point() else value
        for name, value in after.items()
    }


def rare_classes(labels: Iterable[Image], classes: int) -> tuple[int, ...]:
    """Return the ids of the classes that make up less than `RARE` of the labelled pixels, but are there."""
    pixels = sum((np.bincount(image.ravel(), minlength=VOID + 1) for image in labels), np.zeros(VOID + 1, np.int64))
    pixels = pixels[:classes]
    return tuple(np.flatnonzero((pixels > 0) & (pixels < RARE * pixels.sum())).tolist())


def teaching(settings: KeyTraining, own: Mapping[str, nn.Module]) -> list[nn.Module]:
    """Return the key networks that are followed, in evaluation mode.

    Args:
        settings: whose teachers they are.
        own: networks that are no models, by the names that the settings give them; they are copied.

    Raises:
        ConfigError: one of other classes.
        WeightsError: no such network or model.
    """
    return [_teacher(name, settings.classes, own) for name in teachers(settings)]


def followed(settings: KeyTraining, compute: Compute, parts: Sequence[nn.Module]) -> KeyNetwork | None:
    """Return the mean of the networks that are followed, if any, computed by the fastest engine."""
    if not parts:
        return None
    for part in parts:
        fuse(part)
    network = parts[0] if len(parts) == 1 else Joined(*parts)
    if settings.teacher_views == 2:
        network = Mirrored(cast(KeyNetwork, network))
    network = channels_last(network.requires_grad_(False)).to(compute.device)
    return EngineNetwork(network, choose_engines(AUTO, compute.device, compute.precision), 'key')


def teachers(settings: KeyTraining) -> list[str]:
    """Return the names of what is followed."""
    return [name.strip() for name in settings.teacher.split(',')] if settings.teacher else []


def _teacher(name: str, classes: int, own: Mapping[str, nn.Module]) -> nn.Module:
    """Return the key network of a model, or a copy of that of ``own``."""
    if name in own:
        network = copy.deepcopy(own[name]).cpu().eval()
    else:
        weights = read_weights(name)
        if weights.class_count != classes:
            raise ConfigError(f'teacher: {name}: expected {classes} classes, found {weights.class_count}')
        network = build('key', weights.networks['key'], classes).eval()
        load_into(network, weights.states['key'], weights.source)
    return network


def _batches(samples: list[tuple[Image, Image]], epoch: int, settings: KeyTraining) -> Iterator[_Batch]:
    """Yield image and label batches of one epoch; they depend on seed and epoch only. The next is made meanwhile."""
    order = np.random.default_rng((settings.seed, epoch)).permutation(len(samples))
    height, width = samples[0][1].shape
    size = settings.size if settings.size[0] else (height - height % SCALE, width - width % SCALE)
    rare = settings.rare or ()
    faults = CameraFaults(share=settings.faults) if settings.faults else None
    ranges = Augmentation(scale=settings.scale, faults=faults)

    def make(start: int) -> _Batch:
        rng = np.random.default_rng((settings.seed, epoch, start))
        views = [
            random_view(samples[i][0], samples[i][1], size, rng, ranges, rare)
            for i in order[start : start + settings.batch]
        ]
        if settings.paste:
            views = [
                paste(view, views[number - 1], rare) if rng.random() < settings.paste else view
                for number, view in enumerate(views)
            ]
        images = torch.from_numpy(np.stack([image for image, _ in views])).permute(0, 3, 1, 2)
        labels = torch.from_numpy(np.stack([label for _, label in views])).long()
        offset = int(rng.integers(2)), int(rng.integers(2))
        scale = float(rng.choice(settings.look_scales)) if len(settings.look_scales) > 1 else settings.look_scales[0]
        return (images.float() / 255).contiguous(memory_format=torch.channels_last), labels, offset, scale

    return prefetched(make, range(0, len(samples) - settings.batch + 1, settings.batch))
