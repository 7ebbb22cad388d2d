# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from davss_ros.networks.interface import Propagated
from davss_ros.networks.judge import Judge
from davss_ros.networks.registry import build


@pytest.mark.parametrize('distortion', ['dmnet', 'dmnet_lite', 'dmnet_any'])
def test_the_three_maps_are_those_of_the_networks_one_after_the_other(distortion: str) -> None:
    torch.manual_seed(0)
    first, second = build('distortion', distortion, 5).eval(), build('gate', 'gate_any', 5).eval()
    carried = Propagated(torch.randn(2, 5, 16, 24), torch.rand(2, 3, 16, 24))
    image, correction, distance = torch.rand(2, 3, 16, 24), torch.randn(2, 5, 16, 24), torch.tensor([1, 7])
    with torch.inference_mode():
        maps = Judge(first, second)(carried, image, correction, distance)
        expected = first(carried, image)
        assert torch.equal(maps[:, :1], expected)
        assert torch.equal(maps[:, 1:], second(carried, correction, expected, distance))
