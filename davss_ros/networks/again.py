# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A key network in other parts: as the correction network of windows or frames, and with a second look at the frame."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.interface import KeyNetwork, Propagated
from davss_ros.networks.resample import SCALE

STRIDE = 16  # px of the frame to one of a network's deepest features


class KeyAgain(nn.Module):
    """A key network as the correction network: light for whole frames, heavy for `davss_ros.core.windows`."""

    def __init__(self, key: KeyNetwork) -> None:
        super().__init__()
        self.key = key

    def forward(self, image: Tensor, propagated: Propagated) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1] to scores (N, C, h, w); ``propagated`` is not looked at."""
        return self.key(image)


class Mirrored(nn.Module):
    """The mean of what the key network says of a frame and of its mirror image: twice the work, and better."""

    def __init__(self, key: KeyNetwork) -> None:
        super().__init__()
        self.key = key

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1], W a multiple of 4, to scores (N, C, h, w)."""
        scores, mirrored = self.key(torch.cat([image, image.flip(3)])).chunk(2)
        return (scores + mirrored.flip(3)) / 2


class Joined(nn.Module):
    """The mean of what several key networks say of a frame: better than each, where they err in different places."""

    def __init__(self, *keys: nn.Module) -> None:
        super().__init__()
        self.keys = nn.ModuleList(keys)

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1], sides multiples of 4, to scores (N, C, H / 4, W / 4)."""
        scores: Tensor = torch.stack([key(image) for key in self.keys]).mean(0)
        return scores


class Smaller(nn.Module):
    """A key network that sees the frame at ``scale`` of its size, and answers at 1/4 of the whole all the same."""

    def __init__(self, key: nn.Module, scale: float) -> None:
        super().__init__()
        self.key = key
        self.scale = scale

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1], sides multiples of 4, to scores (N, C, H / 4, W / 4)."""
        height, width = int(image.shape[2]), int(image.shape[3])
        small = (smaller_side(height, self.scale), smaller_side(width, self.scale))
        scores: Tensor = self.key(F.interpolate(image, size=small, mode='bilinear', align_corners=False))
        whole = (height // SCALE, width // SCALE)
        return F.interpolate(scores, size=whole, mode='bilinear', align_corners=False)


def at_scale(key: nn.Module, scale: float) -> nn.Module:
    """Return a key network that sees frames at ``scale`` of their size: itself, where that is 1."""
    return key if scale == 1 else Smaller(key, scale)


def smaller_side(side: int, scale: float) -> int:
    """Return the side that a frame's ``side`` becomes at ``scale``: a multiple of `STRIDE`, as networks like them."""
    return max(STRIDE, round(side * scale / STRIDE) * STRIDE)


class Uncorrected(nn.Module):
    """No correction at all: what was propagated stays, and key frames come when they are needed."""

    def forward(self, image: Tensor, propagated: Propagated) -> Tensor:
        """Return the propagated scores."""
        return propagated.scores


class OneByOne:
    """A key network that takes one image at a time, for any number of them."""

    def __init__(self, key: KeyNetwork) -> None:
        self.key = key

    def __call__(self, image: Tensor) -> Tensor:
        """Map (N, 3, H, W) to scores (N, C, h, w)."""
        return torch.cat([self.key(part) for part in image.split(1)]) if len(image) > 1 else self.key(image)
