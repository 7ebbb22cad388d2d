# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A model that is small enough to be exported in a test."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from davss_ros.core.classes import SemanticClass
from davss_ros.networks import registry
from davss_ros.networks.layers import ConvBn, join
from davss_ros.networks.weights import Weights, write_weights


class SmallKey(nn.Module):
    """What our key networks are made of: SAME padding, strides, a join, a pooling of all."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.at4 = ConvBn(3, 8, 4, stride=4)
        self.at8 = ConvBn(8, 8, 3, stride=2, same=True)
        self.logits = nn.Conv2d(16, classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        at4 = self.at4.conv(image)[:, :, : image.shape[2] // 4, : image.shape[3] // 4]
        at8 = self.at8(at4)
        return 3 * self.logits(join(at8 - at8.mean((2, 3), keepdim=True), at4))


@pytest.fixture(scope='module')
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A weights file of a small key network, that corrects too, and a distortion network."""
    networks = registry.NETWORKS['key']
    assert isinstance(networks, dict)
    networks['small'] = SmallKey
    torch.manual_seed(2)
    names = {'key': 'small', 'flow': 'dis', 'distortion': 'dmnet_any', 'correction': 'key'}
    states = {role: registry.build(role, names[role], 4).state_dict() for role in ('key', 'distortion')}
    classes = tuple(SemanticClass(name, (30 * i, 60, 90)) for i, name in enumerate(['road', 'car', 'sky', 'pole']))
    path = tmp_path_factory.mktemp('small') / 'small.safetensors'
    settings = {'propagation': 'renewed', 'correction_gain': 4.0, 'correction_share': 0.3, 'key_views': 2}
    write_weights(path, Weights(str(path), names, states, classes, settings=settings), torch.float32)
    yield str(path)
    del networks['small']
