# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A key network in other parts: as the correction network of windows or frames, and with a second look at the frame."""

import torch
from torch import Tensor, nn

from davss_ros.networks.interface import KeyNetwork, Propagated


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
