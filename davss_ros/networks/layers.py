# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Small building blocks that several networks share."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Return (before, after) so that a convolution gives ``ceil(size / stride)`` outputs (TensorFlow's SAME)."""
    reach = (kernel - 1) * dilation + 1
    total = max(((size + stride - 1) // stride - 1) * stride + reach - size, 0)  # no -(-a // b): ONNX rounds to 0
    return total // 2, total - total // 2


class ConvBn(nn.Module):
    """Convolution, batch normalisation and activation.

    With ``same=True`` strided convolutions pad as TensorFlow does (more at the end), which the ImageNet weights of
    EfficientNet-Lite expect; otherwise padding is symmetric.

    Args:
        inputs: input channels.
        outputs: output channels.
        kernel: kernel size, odd.
        stride: stride.
        dilation: dilation.
        groups: groups; ``inputs`` makes it depthwise.
        activation: called on the result, or None.
        eps: epsilon of the normalisation.
        same: pad like TensorFlow.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        activation: Callable[[Tensor], Tensor] | None = F.relu,
        eps: float = 1e-5,
        same: bool = False,
    ) -> None:
        super().__init__()
        self.same = same and stride > 1
        padding = 0 if self.same else dilation * (kernel // 2)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(outputs, eps=eps)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, ceil(H / stride), ceil(W / stride))."""
        x = x.contiguous(memory_format=torch.channels_last)  # a concatenation may not be; depthwise is 4x slower then
        if self.same:
            x = F.pad(x, self._pad(x.shape[-1]) + self._pad(x.shape[-2]))
        x = self.bn(self._depthwise_float32(x) if self._slow_in_half(x) else self.conv(x))
        return x if self.activation is None else self.activation(x)

    def fuse(self) -> None:
        """Fold the normalisation into the convolution (evaluation only)."""
        if isinstance(self.bn, nn.BatchNorm2d):
            self.conv = torch.nn.utils.fuse_conv_bn_eval(self.conv, self.bn)
            self.bn = nn.Identity()

    def _slow_in_half(self, x: Tensor) -> bool:
        """OneDNN runs the backward pass of depthwise convolutions 3 to 5 times slower in bfloat16 than in float32."""
        return self.training and x.device.type == 'cpu' and self.conv.groups > 1

    def _depthwise_float32(self, x: Tensor) -> Tensor:
        with torch.autocast('cpu', enabled=False):
            return self.conv(x.float())

    def _pad(self, size: int) -> tuple[int, int]:
        return same_padding(size, self.conv.kernel_size[0], self.conv.stride[0], self.conv.dilation[0])


def fuse(module: nn.Module) -> None:
    """Fold every batch normalisation of `ConvBn` below ``module`` into its convolution; call in evaluation mode."""
    for child in module.modules():
        if isinstance(child, ConvBn):
            child.fuse()


def channels_last(network: nn.Module) -> nn.Module:
    """Lay the weights of ``network`` out channels last, in place, which oneDNN and cuDNN are fastest with."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def separable(inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Depthwise 3x3 then pointwise 1x1 convolution, each normalised and rectified."""
    return nn.Sequential(
        ConvBn(inputs, inputs, 3, stride=stride, dilation=dilation, groups=inputs),
        ConvBn(inputs, outputs, 1),
    )


def join(coarse: Tensor, fine: Tensor) -> Tensor:
    """Bring (N, A, ...) features to the size of the finer (N, B, h, w), bilinear, and concatenate: (N, A + B, h, w)."""
    return torch.cat([F.interpolate(coarse, size=fine.shape[2:], mode='bilinear', align_corners=False), fine], 1)
