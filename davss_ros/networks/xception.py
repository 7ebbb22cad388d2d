# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Modified aligned Xception-65 with output stride 16 (Chen et al., ECCV 2018), under the published parameter names.

Conventions: every 3x3 convolution keeps the size (rounded up when strided) with symmetric zero padding; activations
come before the convolutions, except in the last block.
"""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-3
Shortcut = Literal['conv', 'sum', 'none']


class SeparableConv(nn.Module):
    """Depthwise 3x3 and pointwise 1x1 convolution; ``rectify_first`` or after each normalisation."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, dilation: int, rectify_first: bool) -> None:
        super().__init__()
        self.rectify_first = rectify_first
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, dilation, dilation, groups=inputs, bias=False)
        self.depthwise_bn = nn.BatchNorm2d(inputs, eps=EPS)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.pointwise_bn = nn.BatchNorm2d(outputs, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        if self.rectify_first:
            return self.pointwise_bn(self.pointwise(self.depthwise_bn(self.depthwise(F.relu(x)))))
        x = F.relu(self.depthwise_bn(self.depthwise(x)))
        return F.relu(self.pointwise_bn(self.pointwise(x)))


class Block(nn.Module):
    """Three separable convolutions with a shortcut around them."""

    def __init__(
        self,
        inputs: int,
        widths: tuple[int, int, int],
        *,
        shortcut: Shortcut,
        stride: int = 1,
        dilation: int = 1,
        rectify_first: bool = True,
    ) -> None:
        super().__init__()
        ends = (inputs, *widths)
        convolutions = [
            SeparableConv(
                ends[i], ends[i + 1], stride=stride if i == 2 else 1, dilation=dilation, rectify_first=rectify_first
            )
            for i in range(3)
        ]
        self.separable_conv1, self.separable_conv2, self.separable_conv3 = convolutions
        self.kind = shortcut
        if shortcut == 'conv':
            project = nn.Conv2d(inputs, widths[-1], 1, stride, bias=False)
            self.shortcut = nn.Sequential(project, nn.BatchNorm2d(widths[-1], eps=EPS))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the block's output and what its second convolution gave (still at the input's size)."""
        inner = self.separable_conv2(self.separable_conv1(x))
        y = self.separable_conv3(inner)
        if self.kind == 'conv':
            y = y + self.shortcut(x)
        elif self.kind == 'sum':
            y = y + x
        return y, inner


class _Conv(nn.Module):
    """A bare convolution, one level down, as the published names have it."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Xception65(nn.Module):
    """Features of an RGB image at strides 16 (2048 channels) and 4 (256 channels)."""

    def __init__(self) -> None:
        super().__init__()
        self.entry_flow_conv1_1 = _Conv(3, 32, stride=2)
        self.entry_flow_bn1_1 = nn.BatchNorm2d(32, eps=EPS)
        self.entry_flow_conv1_2 = _Conv(32, 64, stride=1)
        self.entry_flow_bn1_2 = nn.BatchNorm2d(64, eps=EPS)
        self.entry_flow_block1_unit_1 = Block(64, (128, 128, 128), shortcut='conv', stride=2)
        self.entry_flow_block2_unit_1 = Block(128, (256, 256, 256), shortcut='conv', stride=2)
        self.entry_flow_block3_unit_1 = Block(256, (728, 728, 728), shortcut='conv', stride=2)
        self.middle_units = [f'middle_flow_block1_unit_{i}' for i in range(1, 17)]
        for name in self.middle_units:
            self.add_module(name, Block(728, (728, 728, 728), shortcut='sum'))
        self.exit_flow_block1_unit_1 = Block(728, (728, 1024, 1024), shortcut='conv')
        self.exit_flow_block2_unit_1 = Block(1024, (1536, 1536, 2048), shortcut='none', dilation=2, rectify_first=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, 3, H, W) to (N, 2048, H / 16, W / 16) and (N, 256, H / 4, W / 4), sizes rounded up."""
        x = F.relu(self.entry_flow_bn1_1(self.entry_flow_conv1_1(image)))
        x = F.relu(self.entry_flow_bn1_2(self.entry_flow_conv1_2(x)))
        x, _ = self.entry_flow_block1_unit_1(x)
        x, low_level = self.entry_flow_block2_unit_1(x)
        x, _ = self.entry_flow_block3_unit_1(x)
        for name in self.middle_units:
            x, _ = self.get_submodule(name)(x)
        x, _ = self.exit_flow_block1_unit_1(x)
        x, _ = self.exit_flow_block2_unit_1(x)
        return x, low_level
