# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The published flow network: FlowNetS (Dosovitskiy et al., ICCV 2015) at reduced width, under the published names."""

import torch
from torch import Tensor, nn

WIDTHS = (24, 48, 96, 192, 192, 384)  # of conv1 to conv6
DECODED = (192, 96, 48, 24)  # of deconv5 to deconv2
SCALE = 5.0  # the last layer predicts fifths of a 1/4-size pixel


def leaky_conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution with "same" padding and leaky rectification."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2), nn.LeakyReLU(0.1))


def leaky_deconv(inputs: int, outputs: int) -> nn.Sequential:
    """Transposed convolution that doubles the size, with a border to be cut off by `crop`, and leaky rectification."""
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, 2, bias=False), nn.LeakyReLU(0.1))


def crop(x: Tensor, like: Tensor) -> Tensor:
    """Cut one row and column before, and what is too much behind, so that sizes agree."""
    height, width = like.shape[2:]
    return x[:, :, 1 : 1 + height, 1 : 1 + width]


class FlowNetS(nn.Module):
    """Flow from a frame to the one before it, at 1/4 size."""

    def __init__(self) -> None:
        super().__init__()
        inputs = 6
        for level, width in enumerate(WIDTHS, 1):
            self.add_module(f'conv{level}', leaky_conv(inputs, width, {1: 7, 2: 5, 3: 5}.get(level, 3), stride=2))
            if level >= 3:
                self.add_module(f'conv{level}_1', leaky_conv(width, width, 3))
            inputs = width
        self.predict_flow6 = nn.Conv2d(inputs, 2, 3, 1, 1)
        for level, width in zip((5, 4, 3, 2), DECODED, strict=True):
            self.add_module(f'deconv{level}', leaky_deconv(inputs, width))
            self.add_module(f'upsample_flow{level + 1}to{level}', nn.ConvTranspose2d(2, 2, 4, 2, bias=False))
            inputs = WIDTHS[level - 1] + width + 2
            self.add_module(f'predict_flow{level}', nn.Conv2d(inputs, 2, 3, 1, 1))

    def forward(self, image: Tensor, previous: Tensor) -> Tensor:
        """Return the flow (N, 2, h, w), (dx, dy) in 1/4-size pixels, from ``image`` to ``previous``.

        Both are (N, 3, H, W) RGB in [0, 1]: what is at p in ``image`` was at p + flow(p) in ``previous``.
        """
        x = torch.cat([image, previous], 1)
        features = {}
        for level in range(1, 7):
            x = self._layer(f'conv{level}', x)
            x = self._layer(f'conv{level}_1', x) if level >= 3 else x
            features[level] = x
        flow = self.predict_flow6(x)
        for level in (5, 4, 3, 2):
            skip = features[level]
            raised = crop(self._layer(f'upsample_flow{level + 1}to{level}', flow), skip)
            decoded = crop(self._layer(f'deconv{level}', x), skip)
            x = torch.cat([skip, decoded, raised], 1)
            flow = self._layer(f'predict_flow{level}', x)
        return flow * SCALE

    def _layer(self, name: str, x: Tensor) -> Tensor:
        return self.get_submodule(name)(x)
