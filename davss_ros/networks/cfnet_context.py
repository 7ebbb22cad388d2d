# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A correction network that knows what things look like, and sees what was propagated.

A small U-Net at strides 4 to 32 starts from the propagated scores and learns what to change about them, as `CFNetLite`
does. Beside it an encoder that was pretrained on ImageNet looks at the image at half its size, and its features join
at every stride: a few thousand samples of motion teach what to change, but not what a pedestrian looks like.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.efficientnet_lite import EfficientNetLite
from davss_ros.networks.interface import Propagated
from davss_ros.networks.layers import ConvBn, join, separable
from davss_ros.networks.resample import down

ENCODER = 'efficientnet_lite0'
WIDTHS = (40, 64, 96, 128)  # at strides 4, 8, 16, 32


class CFNetContext(nn.Module):
    """Scores of every class at 1/4 size, from the current image and the propagated scores and image."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        at4, at8, at16, at32 = WIDTHS
        self.encoder = EfficientNetLite(ENCODER, deepest=16)
        near8, near16, near32 = self.encoder.channels  # its strides 4 to 16, on half the image
        self.stem = nn.Sequential(ConvBn(3, 16, 3, stride=2), separable(16, 32, stride=2))
        self.join4 = nn.Sequential(ConvBn(32 + classes + 3, at4, 1), separable(at4, at4))
        self.encode8, self.join8 = separable(at4, at8, stride=2), ConvBn(at8 + near8, at8, 1)
        self.encode16, self.join16 = separable(at8, at16, stride=2), ConvBn(at16 + near16, at16, 1)
        self.encode32 = separable(at16, at32, stride=2)
        self.join32 = nn.Sequential(ConvBn(at32 + near32, at32, 1), separable(at32, at32))
        self.context = nn.Linear(at32, at32)  # what the whole image is like
        self.decode16 = separable(at32 + at16, at16)
        self.decode8 = separable(at16 + at8, at8)
        self.decode4 = separable(at8 + at4, at4)
        self.change = nn.Conv2d(at4, classes, 1, bias=False)
        nn.init.zeros_(self.change.weight)  # start as no change

    def forward(self, image: Tensor, propagated: Propagated) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1], sides multiples of 4, and what was propagated to scores (N, C, h, w)."""
        near8, near16, near32 = self.encoder(F.avg_pool2d(image, 2))
        difference = propagated.image - down(image)
        x4 = self.join4(torch.cat([self.stem(image - 0.5), propagated.scores.softmax(1), difference], 1))
        x8 = self.join8(torch.cat([self.encode8(x4), near8], 1))
        x16 = self.join16(torch.cat([self.encode16(x8), near16], 1))
        x32 = self.join32(torch.cat([self.encode32(x16), near32], 1))
        x32 = x32 + F.relu(self.context(x32.mean((2, 3))))[:, :, None, None]
        x = self.decode16(join(x32, x16))
        x = self.decode8(join(x, x8))
        x = self.decode4(join(x, x4))
        return propagated.scores + self.change(x)
