# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The synthetic bench: small street scenes in motion, of which everything is known."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.core.propagation import ComposedPropagation
from davss_ros.networks.dis import DisFlow
from davss_ros.networks.interface import Propagated
from davss_ros.networks.resample import down, up
from davss_ros.train.material.clips import Clip
from davss_ros.train.material.motion import MotionSamples
from davss_ros.train.material.scene import SceneClasses
from davss_ros.train.material.synthetic import SceneMotion, SyntheticVideo, synthetic_video

HEIGHT, WIDTH, CLASSES = 64, 96, 3
ROLES = SceneClasses(sky=(0,), ground=(1,), movable=(2,))
COLORS = np.array([[90, 130, 200], [110, 110, 110], [180, 70, 60]])


def still(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Sky, ground and three things on it, all of them with texture of several sizes."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[28:] = 1
    for _ in range(3):
        x, y = rng.integers(0, WIDTH - 24), rng.integers(16, 36)
        labels[y : y + 20, x : x + rng.integers(10, 24)] = 2
    image = COLORS[labels].astype(np.float64)
    for size in (2, 4, 8):
        texture = rng.uniform(-40, 40, (HEIGHT // size, WIDTH // size, 3))
        image += cv2.resize(texture, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.clip(image, 0, 255).astype(np.uint8), labels


STILLS = [still(seed) for seed in range(16)]
TRAIN, HELD_OUT = 0, 1000  # first seeds


def videos(first: int, count: int, length: int, ranges: SceneMotion) -> list[SyntheticVideo]:
    return [
        synthetic_video(*STILLS[number % 16], STILLS, length, np.random.default_rng(first + number), ROLES, ranges)
        for number in range(count)
    ]


def clips(made: list[SyntheticVideo]) -> list[Clip]:
    return [Clip([image for image, _ in video.frames], [labels for _, labels in video.frames]) for video in made]


def tensor(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255


class TinyFlow(nn.Module):
    """Correlates features within three 1/4-size pixels; learns in seconds, as FlowNetS does not."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 16, 7, 2, 3), nn.LeakyReLU(0.1), nn.Conv2d(16, 16, 5, 2, 2))
        self.judge = nn.Sequential(nn.Conv2d(49, 32, 3, 1, 1), nn.LeakyReLU(0.1), nn.Conv2d(32, 2, 3, 1, 1))

    def forward(self, image: Tensor, previous: Tensor) -> Tensor:
        now, before = (F.normalize(self.features(x - 0.5), dim=1) for x in (image, previous))
        around = F.unfold(before, 7, padding=3).unflatten(1, (16, 49)).unflatten(3, now.shape[2:])
        return self.judge((now[:, :, None] * around).sum(1))


def scores(labels: NDArray[np.uint8]) -> Tensor:
    """What a key network that is never wrong would give: (1, C, h, w), the share of each class in 4x4 px, times 8."""
    each = F.one_hot(torch.from_numpy(labels.astype(np.int64)), CLASSES).permute(2, 0, 1)[None].float()
    return 8 * F.avg_pool2d(each, 4)


def samples(made: list[SyntheticVideo], distances: tuple[int, ...]) -> MotionSamples:
    """Carry the first frame's scores along DIS flow; ``wrong`` is true: the propagated label is not the true one."""
    rows = []
    flow = DisFlow()
    for video in made:
        images = [tensor(image) for image, _ in video.frames]
        carrying = ComposedPropagation(Propagated(scores(video.frames[0][1]), down(images[0])))
        for distance in range(1, len(images)):
            image, labels = video.frames[distance]
            propagated = carrying.advance(flow(images[distance], images[distance - 1]))
            if distance not in distances:
                continue
            wrong = up(propagated.scores).argmax(1) != torch.from_numpy(labels.astype(np.int64))
            rows.append(
                (
                    image,
                    labels,
                    propagated.scores[0].numpy().astype(np.float16),
                    propagated.image[0].numpy().astype(np.float16),
                    scores(labels)[0].numpy().astype(np.float16),
                    F.avg_pool2d(wrong.float(), 4)[0].numpy().astype(np.float16),
                    np.int64(distance),
                )
            )
    return MotionSamples(*(np.stack(column) for column in zip(*rows, strict=True)))


def auc(network: nn.Module, held_out: MotionSamples) -> float:
    """Return how well the distortion map separates wrong from right 4x4 px blocks; those half wrong do not count."""
    image = down(torch.from_numpy(held_out.image).permute(0, 3, 1, 2).float() / 255)
    carried = Propagated(*(torch.from_numpy(x).float() for x in (held_out.scores, held_out.propagated_image)))
    with torch.inference_mode():
        said = network.eval()(carried, image)[:, 0].numpy()
    clear = (held_out.wrong < 0.25) | (held_out.wrong > 0.75)
    return float(roc_auc_score(held_out.wrong[clear] > 0.5, said[clear]))
