# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from torch import nn

from davss_ros.networks.precision import InHalf

CPU = torch.device('cpu')


@pytest.mark.parametrize('precision', [torch.bfloat16, torch.float16], ids=str)
def test_it_takes_and_gives_float32_and_computes_in_less(precision: torch.dtype) -> None:
    dtypes = []
    exact = nn.Conv2d(3, 4, 3)
    network = nn.Conv2d(3, 4, 3)
    network.load_state_dict(exact.state_dict())
    network.register_forward_hook(lambda module, inputs, output: dtypes.append(output.dtype))
    half = InHalf(network, CPU, precision)
    image = torch.rand(1, 3, 12, 12)
    result = half(image)
    assert dtypes == [precision]
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, exact(image), atol=0.02, rtol=0.02)
    assert not torch.equal(result, exact(image))


def test_weights_are_converted_once() -> None:
    network = nn.Conv2d(3, 4, 3)
    InHalf(network, CPU, torch.bfloat16)
    assert network.weight.dtype == torch.bfloat16
