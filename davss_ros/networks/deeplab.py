# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The published key network: DeepLabv3+ on Xception-65 (DAVSS, section IV-A), under the published parameter names."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.xception import Xception65

RATES = (6, 12, 18)
WIDTH = 256


class SeparableConv(nn.Module):
    """Depthwise 3x3 and pointwise 1x1 convolution, each normalised and rectified."""

    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, 1, dilation, dilation, groups=inputs, bias=False)
        self.depthwise_bn = nn.BatchNorm2d(inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.pointwise_bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, h, w) to (N, outputs, h, w)."""
        x = F.relu(self.depthwise_bn(self.depthwise(x)))
        return F.relu(self.pointwise_bn(self.pointwise(x)))


class _PointConv(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class _Atrous(nn.Module):
    """One branch of the pyramid, one level down, as the published names have it."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.atrous_convolution = convolution

    def forward(self, x: Tensor) -> Tensor:
        return self.atrous_convolution(x)


class DeepLabV3Plus(nn.Module):
    """Scores of every class at 1/4 size.

    Inside, features are resampled with align_corners=True whatever the segmenter's convention, as published.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.xception_features = Xception65()
        self.aspp0 = _Atrous(_PointConv(2048, WIDTH))
        self.aspp1, self.aspp2, self.aspp3 = (_Atrous(SeparableConv(2048, WIDTH, rate)) for rate in RATES)
        self.image_pooling = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(2048, WIDTH, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU()
        )
        self.concat_projection = nn.Sequential(
            nn.Conv2d(5 * WIDTH, WIDTH, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU(), nn.Dropout2d(0.1)
        )
        self.feature_projection0_conv = nn.Conv2d(256, 48, 1, bias=False)
        self.feature_projection0_bn = nn.BatchNorm2d(48, eps=1e-3)
        self.decoder = nn.Sequential(SeparableConv(WIDTH + 48, WIDTH), SeparableConv(WIDTH, WIDTH))
        self.logits = nn.Conv2d(WIDTH, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1] to scores (N, C, ceil(H / 4), ceil(W / 4)), before softmax."""
        x, low_level = self.xception_features(image)
        pooled = self.image_pooling(x).expand(-1, -1, *x.shape[2:])
        x = torch.cat((pooled, self.aspp0(x), self.aspp1(x), self.aspp2(x), self.aspp3(x)), 1)
        x = self.concat_projection(x)
        x = F.interpolate(x, size=low_level.shape[2:], mode='bilinear', align_corners=True)
        low_level = F.relu(self.feature_projection0_bn(self.feature_projection0_conv(low_level)))
        return self.logits(self.decoder(torch.cat((x, low_level), 1)))
