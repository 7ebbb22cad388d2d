# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Every registered network keeps to the interface of its role."""

import pytest
import torch

from davss_ros.errors import ConfigError
from davss_ros.networks.interface import Propagated
from davss_ros.networks.registry import NETWORKS, ROLES, build, depends_on_classes

CLASSES = 5
SIZES = [(64, 96), (100, 132), (36, 20)]
EVERY = [(role, name) for role in ROLES for name in NETWORKS[role]]


@pytest.mark.parametrize('size', SIZES, ids=str)
@pytest.mark.parametrize(('role', 'name'), EVERY)
def test_shapes_and_ranges(role: str, name: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = build(role, name, CLASSES).eval()
    image, previous = torch.rand(2, 3, *size), torch.rand(2, 3, *size)
    quarter = (2, 3, size[0] // 4, size[1] // 4)
    propagated = Propagated(torch.randn(2, CLASSES, *quarter[2:]), torch.rand(quarter))
    with torch.inference_mode():
        if role == 'key':
            result, channels = network(image), CLASSES
        elif role == 'flow':
            result, channels = network(image, previous), 2
        elif role == 'distortion':
            result, channels = network(propagated, torch.rand(quarter)), 1
            assert 0 <= result.min() <= result.max() <= 1
        else:
            result, channels = network(image, propagated), CLASSES
    assert result.shape == (2, channels, *quarter[2:])
    assert result.dtype == torch.float32
    assert result.isfinite().all()


@pytest.mark.parametrize(('role', 'name'), EVERY)
def test_images_of_a_batch_do_not_touch_each_other(role: str, name: str) -> None:
    torch.manual_seed(1)
    network = build(role, name, CLASSES).eval()
    image, previous = torch.rand(3, 3, 64, 64), torch.rand(3, 3, 64, 64)
    propagated = Propagated(torch.randn(3, CLASSES, 16, 16), torch.rand(3, 3, 16, 16))
    inputs = {
        'key': (image,),
        'flow': (image, previous),
        'distortion': (propagated, torch.rand(3, 3, 16, 16)),
        'correction': (image, propagated),
    }[role]

    def second(value: torch.Tensor | Propagated) -> torch.Tensor | Propagated:
        return Propagated(*(part[1:2] for part in value)) if isinstance(value, Propagated) else value[1:2]

    with torch.inference_mode():
        together, alone = network(*inputs), network(*map(second, inputs))
    torch.testing.assert_close(together[1:2], alone, atol=1e-4, rtol=1e-3)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r'expected one of cfnet, .*, deeplab_lite1, key, none, found'):
        build('correction', 'nosuch', CLASSES)


@pytest.mark.parametrize(
    ('role', 'name', 'knows'),
    [('key', 'deeplab_lite0', True), ('distortion', 'dmnet_lite', True), ('distortion', 'dmnet_any', False)],
)
def test_which_networks_know_of_classes(role: str, name: str, knows: bool) -> None:
    assert depends_on_classes(role, name) == knows
