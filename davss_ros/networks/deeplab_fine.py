# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A finer key network: `DeepLabLite`'s encoder on the image at twice its size.

Poles and signs are two or three pixels wide at 480x360, and strides of 4 to 32 lose them. At twice the size every
stride is half as coarse. The decoder stops at stride 8 of the enlarged image, which is the 1/4 size that is asked for;
the features of stride 4 join it there with their four neighbours side by side, so that nothing is averaged away.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.deeplab_lite import AtrousPyramid
from davss_ros.networks.efficientnet_lite import EfficientNetLite
from davss_ros.networks.layers import ConvBn, join, separable

ENLARGE = 2


class DeepLabFine(nn.Module):
    """Scores of every class at 1/4 size.

    Args:
        classes: number of classes C.
        encoder: a key of `davss_ros.networks.efficientnet_lite.VARIANTS`.
        width: channels of the decoder.
    """

    def __init__(self, classes: int, encoder: str = 'efficientnet_lite1', width: int = 128) -> None:
        super().__init__()
        self.encoder = EfficientNetLite(encoder)
        at4, at8, at16, at32 = self.encoder.channels
        self.skip32 = ConvBn(at32, width, 1)
        self.pyramid = AtrousPyramid(width + at16, width)
        self.skip8 = ConvBn(at8, 64, 1)
        self.decode8 = separable(width + 64, width)
        self.skip4 = ConvBn(at4, 24, 1)
        self.decode4 = nn.Sequential(separable(width + 24 * ENLARGE**2, width), separable(width, width))
        self.logits = nn.Conv2d(width, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1], sides multiples of 4, to scores (N, C, H / 4, W / 4), before softmax."""
        large = F.interpolate(image, scale_factor=float(ENLARGE), mode='bilinear', align_corners=False)
        at4, at8, at16, at32 = self.encoder(large)
        x = self.pyramid(join(self.skip32(at32), at16))
        x = self.decode8(join(x, self.skip8(at8)))
        x = self.decode4(torch.cat([x, F.pixel_unshuffle(self.skip4(at4), ENLARGE)], 1))
        return self.logits(x)
