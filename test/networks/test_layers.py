# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from torch.nn import functional as F

from davss_ros.networks.layers import ConvBn, fuse, same_padding


@pytest.mark.parametrize('size', [1, 7, 8, 45, 90])
@pytest.mark.parametrize(('kernel', 'stride', 'dilation'), [(3, 1, 1), (3, 2, 1), (5, 2, 1), (3, 1, 4), (5, 2, 2)])
def test_same_padding_gives_the_size_divided_by_the_stride(size: int, kernel: int, stride: int, dilation: int) -> None:
    before, after = same_padding(size, kernel, stride, dilation)
    row = F.pad(torch.zeros(1, 1, size), (before, after))
    settings = F.conv1d(row, torch.zeros(1, 1, kernel), stride=stride, dilation=dilation)
    assert settings.shape[-1] == -(-size // stride)
    assert 0 <= after - before <= 1


def test_fusing_changes_nothing() -> None:
    torch.manual_seed(2)
    layer = ConvBn(4, 6, 3, stride=2, same=True)
    layer.train()
    for _ in range(3):
        layer(torch.randn(8, 4, 9, 9))
    layer.eval()
    x = torch.randn(1, 4, 9, 11)
    expected = layer(x)
    fuse(layer)
    assert isinstance(layer.bn, torch.nn.Identity)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-4)


def test_depthwise_training_on_a_cpu_is_done_in_float32() -> None:
    depthwise, dense = ConvBn(4, 4, 3, groups=4), ConvBn(4, 4, 3)
    with torch.autocast('cpu', torch.bfloat16):
        assert depthwise(torch.randn(2, 4, 8, 8)).dtype == torch.float32
        assert dense(torch.randn(2, 4, 8, 8)).dtype == torch.bfloat16
