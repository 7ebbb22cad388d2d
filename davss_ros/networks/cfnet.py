# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The published correction network: an encoder-decoder shaped like FlowNetS (DAVSS, section III-D), published names."""

import torch
from torch import Tensor, nn

from davss_ros.networks.flownets import crop, leaky_deconv
from davss_ros.networks.interface import Propagated

WIDTHS = (32, 64, 128, 256, 256, 512)  # of conv1 to conv6
DECODED = (256, 128, 64, 32)  # of deconv5 to deconv2


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.1)
    )


class CFNet(nn.Module):
    """Scores of every class at 1/4 size from the current image alone."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        inputs = 3
        for level, width in enumerate(WIDTHS, 1):
            self.add_module(f'conv{level}', _conv(inputs, width, stride=2))
            if level >= 3:
                self.add_module(f'conv{level}_1', _conv(width, width))
            inputs = width
        for level, width in zip((5, 4, 3, 2), DECODED, strict=True):
            self.add_module(f'deconv{level}', leaky_deconv(inputs, width))
            inputs = WIDTHS[level - 1] + width
        self.predict_cc = nn.Conv2d(inputs, classes, 1)

    def forward(self, image: Tensor, propagated: Propagated | None = None) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1] to scores (N, C, h, w); ``propagated`` is not looked at."""
        x = image
        features = {}
        for level in range(1, 7):
            x = self._layer(f'conv{level}', x)
            x = self._layer(f'conv{level}_1', x) if level >= 3 else x
            features[level] = x
        for level in (5, 4, 3, 2):
            skip = features[level]
            x = torch.cat([skip, crop(self._layer(f'deconv{level}', x), skip)], 1)
        return self.predict_cc(x)

    def _layer(self, name: str, x: Tensor) -> Tensor:
        return self.get_submodule(name)(x)
