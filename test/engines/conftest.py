# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Networks small enough to be compiled in a moment, and a cache of the test's own."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.engines.cache import Cache
from davss_ros.networks.layers import ConvBn, join


class Tiny(nn.Module):
    """A key network with all that ours have: TensorFlow's padding, a coarse branch, resampling by sizes."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.stem = ConvBn(3, 8, 3, stride=2, same=True)
        self.depthwise = ConvBn(8, 8, 5, stride=2, groups=8, activation=F.relu6, same=True)
        self.deep = ConvBn(8, 8, 3, stride=2)
        self.scores = nn.Conv2d(16, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        fine = self.depthwise(self.stem(image * 2 - 1))
        return 5 * self.scores(join(self.deep(fine), fine))


@pytest.fixture
def tiny() -> nn.Module:
    torch.manual_seed(0)
    return Tiny().eval().requires_grad_(False)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / 'cache')
