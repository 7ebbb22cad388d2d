"""Train the key network on labelled images."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from davss_ros.data.stills import labelled_images
from davss_ros.networks.deeplab_lite import DeepLabLite
from davss_ros.networks.efficientnet_lite import imagenet_state
from davss_ros.train.augment import Augmentation, Image, random_view
from davss_ros.train.loop import Progress, Task, fit
from davss_ros.train.losses import segmentation_loss

log = logging.getLogger(__name__)
_Batch = tuple[Tensor, Tensor, tuple[int, int]]  # images (N, 3, H, W), labels (N, H, W), `segmentation_loss`'s offset


@dataclass(frozen=True)
class KeyTraining:
    """Settings of a run."""

    data: Path
    out: Path
    classes: int = 11
    encoder: str = 'efficientnet_lite1'
    epochs: int = 20
    batch: int = 8
    learning_rate: float = 1.5e-3
    encoder_factor: float = 0.4  # learning rate of the pretrained encoder, relative
    weight_decay: float = 1e-2
    rare: tuple[int, ...] = (2, 6, 7, 9, 10)  # CamVid: pole, sign, fence, pedestrian, bicyclist
    seed: int = 0

    def fingerprint(self) -> dict[str, object]:
        """Return what decides the result, for `checkpoint.resume`."""
        settings = {name: value for name, value in asdict(self).items() if name not in ('data', 'out')}
        return {**settings, 'rare': list(self.rare)}


def train_key(settings: KeyTraining, progress: Progress = log.info) -> DeepLabLite:
    """Train, writing ``checkpoint.pt`` after every epoch, and return the network in evaluation mode.

    Raises:
        DataError: the data is incomplete, or the folder ``out`` holds another run.
        ImportError: the encoder's ImageNet weights are not installed.
    """
    torch.manual_seed(settings.seed)
    samples = [(pair.image(), pair.labels(settings.classes)) for pair in labelled_images(settings.data)]
    network = DeepLabLite(settings.classes, settings.encoder)
    network.encoder.load_state_dict(imagenet_state(settings.encoder))

    def loss(batch: _Batch) -> Tensor:
        images, labels, offset = batch
        with torch.autocast('cpu', torch.bfloat16):
            scores = network(images)
        return segmentation_loss(scores, labels, offset)

    task = Task(
        'key',
        network,
        _optimizer(network, settings),
        lambda epoch: _batches(samples, epoch, settings),
        loss,
        len(samples) // settings.batch,
        settings.epochs,
        settings.out,
        settings.fingerprint(),
    )
    fit(task, progress)
    return network


def _optimizer(network: DeepLabLite, settings: KeyTraining) -> torch.optim.AdamW:
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        rate = settings.learning_rate * (settings.encoder_factor if name.startswith('encoder.') else 1.0)
        decay = settings.weight_decay if parameter.ndim > 1 else 0.0  # not on biases and normalisation
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{'params': group, 'lr': rate, 'weight_decay': decay} for (rate, decay), group in groups.items()]
    )


def _batches(samples: list[tuple[Image, Image]], epoch: int, settings: KeyTraining) -> Iterator[_Batch]:
    """Yield image and label batches of one epoch; they depend on seed and epoch only. The next is made meanwhile."""
    order = np.random.default_rng((settings.seed, epoch)).permutation(len(samples))
    size = samples[0][1].shape[0], samples[0][1].shape[1]

    def make(start: int) -> _Batch:
        rng = np.random.default_rng((settings.seed, epoch, start))
        views = [
            random_view(samples[i][0], samples[i][1], size, rng, Augmentation(), settings.rare)
            for i in order[start : start + settings.batch]
        ]
        images = torch.from_numpy(np.stack([image for image, _ in views])).permute(0, 3, 1, 2)
        labels = torch.from_numpy(np.stack([label for _, label in views])).long()
        offset = int(rng.integers(2)), int(rng.integers(2))
        return (images.float() / 255).contiguous(memory_format=torch.channels_last), labels, offset

    starts = range(0, len(samples) - settings.batch + 1, settings.batch)
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(make, starts[0])
        for following in [*starts[1:], None]:
            batch = ahead.result()
            if following is not None:
                ahead = pool.submit(make, following)
            yield batch
