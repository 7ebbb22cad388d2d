# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A correction network: a small separable U-Net that sees the current image and what was propagated.

Unlike the published one it starts from the propagated scores and learns what to change about them: where nothing
needs changing it changes nothing, and where something was uncovered it sees what surrounds it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.interface import Propagated
from davss_ros.networks.layers import ConvBn, join, separable
from davss_ros.networks.resample import down

WIDTHS = (48, 64, 96, 128)  # at strides 4, 8, 16, 32


class _Residual(nn.Module):
    """Two separable convolutions around which the input passes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(separable(width, width), separable(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class CFNetLite(nn.Module):
    """Scores of every class at 1/4 size, from the current image and the propagated scores and image."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        at4, at8, at16, at32 = WIDTHS
        self.stem = nn.Sequential(ConvBn(3, 16, 3, stride=2), separable(16, 32, stride=2))
        self.join = ConvBn(32 + classes + 3, at4, 1)
        self.encode4 = _Residual(at4)
        self.encode8 = nn.Sequential(separable(at4, at8, stride=2), _Residual(at8))
        self.encode16 = nn.Sequential(separable(at8, at16, stride=2), _Residual(at16))
        self.encode32 = nn.Sequential(separable(at16, at32, stride=2), _Residual(at32))
        self.context = nn.Linear(at32, at32)  # what the whole image is like
        self.decode16 = separable(at32 + at16, at16)
        self.decode8 = separable(at16 + at8, at8)
        self.decode4 = separable(at8 + at4, at4)
        self.change = nn.Conv2d(at4, classes, 1, bias=False)
        nn.init.zeros_(self.change.weight)  # start as no change

    def forward(self, image: Tensor, propagated: Propagated) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1], sides multiples of 4, and what was propagated to scores (N, C, h, w)."""
        difference = propagated.image - down(image)
        features = torch.cat([self.stem(image - 0.5), propagated.scores.softmax(1), difference], 1)
        x4 = self.encode4(self.join(features))
        x8 = self.encode8(x4)
        x16 = self.encode16(x8)
        x32 = self.encode32(x16)
        x32 = x32 + F.relu(self.context(x32.mean((2, 3))))[:, :, None, None]
        x = self.decode16(join(x32, x16))
        x = self.decode8(join(x, x8))
        x = self.decode4(join(x, x4))
        return propagated.scores + self.change(x)
