# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.deeplab_fine import DeepLabFine, enlarged, precise_conv, stem_of_enlarged
from davss_ros.networks.efficientnet_lite import EfficientNetLite, normalised
from davss_ros.networks.layers import fuse


def noisy(network: nn.Module) -> nn.Module:
    """Give every normalisation statistics, weights and biases that are not those of a new one."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize('fused', [False, True])
@pytest.mark.parametrize('size', [(16, 20), (4, 4), (2, 64), (36, 2)])
def test_stem_of_the_image_is_that_of_the_enlarged_image(size: tuple[int, int], fused: bool) -> None:
    stem = noisy(EfficientNetLite('efficientnet_lite0', deepest=4)).stem
    if fused:
        fuse(stem)
    image = normalised(torch.rand(2, 3, *size))
    expected = stem(enlarged(image))
    found = stem_of_enlarged(stem, image)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert found.shape[2:] == size


def test_scores_are_those_of_the_enlarged_image() -> None:
    network = noisy(DeepLabFine(5, width=16))
    assert isinstance(network, DeepLabFine)
    image = torch.rand(1, 3, 64, 72)
    found = network(image)
    network.training = True  # of this module alone: the enlarged image, the same statistics
    torch.testing.assert_close(found, network(image), rtol=0, atol=1e-4)


def test_a_stem_is_precise_where_an_engine_keeps_eight_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(-127, 129, (1, 3, 1, 1), generator=generator).expand(1, 3, 8, 8) / 128  # flat, and exact
    kernel = 20 * torch.randn(16, 3, 3, 3, generator=generator)
    bias = 20 * torch.randn(16, generator=generator)
    exact = F.conv2d(image, kernel, bias)
    whole = F.conv2d

    def rounded(*tensors: Tensor) -> Tensor:
        return whole(*(tensor.bfloat16().float() for tensor in tensors))

    monkeypatch.setattr(F, 'conv2d', rounded)
    error = (precise_conv(image, kernel, bias) - exact).abs().max()
    assert error < 2e-2
    assert error < (F.conv2d(image, kernel, bias) - exact).abs().max() / 20
