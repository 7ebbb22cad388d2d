# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A key network: EfficientNet-Lite with a DeepLabv3+ decoder (Chen et al., ECCV 2018).

Differences from the paper: the encoder goes on to stride 32 undilated (a quarter of the cost of its last stage), its
last features join those of stride 16 before the pyramid; a second skip at stride 8 serves thin structures; atrous rates
fit small feature maps (480x360 gives 30x23 at stride 16).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.efficientnet_lite import EfficientNetLite
from davss_ros.networks.layers import ConvBn, join, separable

RATES = (3, 6, 9)


class AtrousPyramid(nn.Module):
    """Atrous spatial pyramid pooling with separable convolutions and a global average."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.point = ConvBn(inputs, width, 1)
        self.atrous = nn.ModuleList(separable(inputs, width, dilation=rate) for rate in RATES)
        self.pool = nn.Conv2d(inputs, width, 1)  # one value a map: nothing to normalise over
        self.project = ConvBn(width * (2 + len(RATES)), width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, h, w) to (N, width, h, w)."""
        pooled = F.relu(self.pool(x.mean((2, 3), keepdim=True))).expand(-1, -1, *x.shape[2:])
        return self.project(torch.cat([self.point(x), *(branch(x) for branch in self.atrous), pooled], 1))


class DeepLabLite(nn.Module):
    """Scores of every class at 1/4 size.

    Args:
        classes: number of classes C.
        encoder: a key of `davss_ros.networks.efficientnet_lite.VARIANTS`.
        width: channels of the decoder.
    """

    def __init__(self, classes: int, encoder: str = 'efficientnet_lite0', width: int = 128) -> None:
        super().__init__()
        self.encoder = EfficientNetLite(encoder)
        at4, at8, at16, at32 = self.encoder.channels
        self.skip32 = ConvBn(at32, width, 1)
        self.pyramid = AtrousPyramid(width + at16, width)
        self.skip8 = ConvBn(at8, 64, 1)
        self.decode8 = separable(width + 64, width)
        self.skip4 = ConvBn(at4, 48, 1)
        self.decode4 = nn.Sequential(separable(width + 48, width), separable(width, width))
        self.logits = nn.Conv2d(width, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1] to scores (N, C, ceil(H / 4), ceil(W / 4)), before softmax."""
        at4, at8, at16, at32 = self.encoder(image)
        x = self.pyramid(join(self.skip32(at32), at16))
        x = self.decode8(join(x, self.skip8(at8)))
        x = self.decode4(join(x, self.skip4(at4)))
        return self.logits(x)
