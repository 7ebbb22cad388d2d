# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The published distortion network (DAVSS, section III-C), under the published parameter names."""

from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.interface import Propagated

EPS = 1e-8  # least length of a feature, as in `F.cosine_similarity`


class SeparableConv(nn.Module):
    """Depthwise 3x3 and pointwise 1x1 convolution with bias, each normalised and rectified."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, 1, 1, groups=inputs)
        self.depthwise_bn = nn.BatchNorm2d(inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.pointwise_bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, h, w) to (N, outputs, h, w)."""
        x = F.relu(self.depthwise_bn(self.depthwise(x)))
        return F.relu(self.pointwise_bn(self.pointwise(x)))


def _stage(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(SeparableConv(inputs, outputs), nn.BatchNorm2d(outputs), nn.ReLU())


class DMNet(nn.Module):
    """Cosine distance between features of the propagated and of the current image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _stage(3, 4)
        self.conv2 = _stage(4, 8)
        self.conv3 = _stage(8, 16)
        self.conv4 = nn.Conv2d(16, 16, 1)

    def features(self, image: Tensor) -> Tensor:
        """Map (N, 3, h, w) RGB in [0, 1] to (N, 16, h, w)."""
        return self.conv4(self.conv3(self.conv2(self.conv1(image))))

    def forward(self, propagated: Propagated, image: Tensor) -> Tensor:
        """Return the distortion map (N, 1, h, w), 0 = trust, 1 = redo; only ``propagated.image`` is looked at."""
        carried, current = (F.normalize(self.features(part), eps=EPS) for part in (propagated.image, image))
        similarity = (carried * current).sum(1, keepdim=True)  # as `F.cosine_similarity`, which OpenVINO does not know
        return ((1 - similarity) / 2).clamp(0, 1)
