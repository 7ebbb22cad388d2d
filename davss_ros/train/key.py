"""Train the key network on labelled images."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from davss_ros.data.stills import labelled_images
from davss_ros.errors import DataError
from davss_ros.networks.deeplab_lite import DeepLabLite
from davss_ros.networks.efficientnet_lite import imagenet_state
from davss_ros.networks.layers import channels_last
from davss_ros.train import checkpoint
from davss_ros.train.augment import Augmentation, Image, random_view
from davss_ros.train.losses import segmentation_loss

log = logging.getLogger(__name__)


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


def train_key(settings: KeyTraining, progress: Callable[[str], None] = log.info) -> DeepLabLite:
    """Train, writing ``checkpoint.pt`` after every epoch, and return the network in evaluation mode."""
    torch.manual_seed(settings.seed)
    pairs = labelled_images(settings.data)
    samples = [(pair.image(), pair.labels(settings.classes)) for pair in pairs]
    network = DeepLabLite(settings.classes, settings.encoder)
    channels_last(network)
    network.encoder.load_state_dict(imagenet_state(settings.encoder))
    optimizer, peaks = _optimizer(network, settings)
    settings.out.mkdir(parents=True, exist_ok=True)
    path = settings.out / 'checkpoint.pt'
    done = checkpoint.resume(path, network, optimizer, settings.fingerprint())
    steps = len(samples) // settings.batch
    if not steps:
        raise DataError(
            f'{settings.data}: expected at least one batch of {settings.batch} images, found {len(samples)}'
        )
    for epoch in range(done, settings.epochs):
        network.train()
        total = 0.0
        for step, (images, labels, offset) in enumerate(_batches(samples, epoch, settings)):
            rate = one_cycle((epoch * steps + step) / (settings.epochs * steps))
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group['lr'] = peak * rate
            with torch.autocast('cpu', torch.bfloat16):
                scores = network(images)
            loss = segmentation_loss(scores, labels, offset)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            total += float(loss.detach())
        progress(f'epoch {epoch + 1}/{settings.epochs}: loss {total / steps:.4f}')
        checkpoint.save(path, network, optimizer, epoch + 1, settings.fingerprint())
    return network.eval()


def one_cycle(done: float, warmup: float = 0.15) -> float:
    """Return the learning rate at ``done`` (0 to 1) of a run, relative to its peak: linear up, cosine down."""
    if done < warmup:
        return 0.05 + 0.95 * done / warmup
    return 0.5 * (1 + float(np.cos(np.pi * (done - warmup) / (1 - warmup)))) + 1e-3


def _optimizer(network: DeepLabLite, settings: KeyTraining) -> tuple[torch.optim.AdamW, list[float]]:
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        rate = settings.learning_rate * (settings.encoder_factor if name.startswith('encoder.') else 1.0)
        decay = settings.weight_decay if parameter.ndim > 1 else 0.0  # not on biases and normalisation
        groups.setdefault((rate, decay), []).append(parameter)
    peaks = [rate for rate, _ in groups]
    parameters = [{'params': group, 'weight_decay': decay} for (_, decay), group in groups.items()]
    return torch.optim.AdamW(parameters, lr=settings.learning_rate), peaks


def _batches(
    samples: list[tuple[Image, Image]], epoch: int, settings: KeyTraining
) -> Iterator[tuple[Tensor, Tensor, tuple[int, int]]]:
    """Yield image and label batches of one epoch; they depend on seed and epoch only. The next is made meanwhile."""
    order = np.random.default_rng((settings.seed, epoch)).permutation(len(samples))
    size = samples[0][1].shape[0], samples[0][1].shape[1]

    def make(start: int) -> tuple[Tensor, Tensor, tuple[int, int]]:
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
