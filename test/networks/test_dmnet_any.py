# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import math

import numpy as np
import pytest
import torch

from davss_ros.networks.dmnet_any import MEASURES, DMNetAny, certainty
from davss_ros.networks.interface import Propagated


@pytest.fixture
def scores() -> torch.Tensor:
    return torch.randn(2, 7, 12, 16, generator=torch.Generator().manual_seed(0)) * 3


def test_measures_are_what_their_definitions_say(scores: torch.Tensor) -> None:
    measures = certainty(scores).numpy()
    assert measures.shape == (2, MEASURES, 12, 16)
    values = np.exp(scores.numpy().astype(np.float64))
    probabilities = values / values.sum(1, keepdims=True)
    for n, y, x in [(0, 0, 0), (1, 5, 7), (0, 11, 15), (1, 0, 9)]:
        position = probabilities[n, :, y, x]
        falling = sorted(position, reverse=True)
        entropy = -sum(p * math.log(p) for p in position) / math.log(7)
        np.testing.assert_allclose(measures[n, :3, y, x], [falling[0], falling[1], entropy], atol=1e-4)
        for place, reach in ((3, 1), (4, 4)):
            near = probabilities[n, :, max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
            same = np.mean([position @ near[:, j, i] for j in range(near.shape[1]) for i in range(near.shape[2])])
            np.testing.assert_allclose(measures[n, place, y, x], 1 - same, atol=1e-4)


@pytest.mark.parametrize('classes', [1, 2, 3, 19, 150])
def test_the_map_depends_on_no_class_list(classes: int) -> None:
    network = DMNetAny().eval()
    generator = torch.Generator().manual_seed(classes)
    scores = torch.randn(1, classes, 12, 16, generator=generator)
    image, now = torch.rand(2, 1, 3, 12, 16, generator=generator)
    with torch.inference_mode():
        found = network(Propagated(scores, image), now)
        renamed = network(Propagated(scores[:, torch.randperm(classes, generator=generator)] + 5, image), now)
    assert found.shape == (1, 1, 12, 16)
    torch.testing.assert_close(found, renamed, atol=1e-5, rtol=0)


def test_probabilities_without_a_class_change_nothing(scores: torch.Tensor) -> None:
    more = torch.cat([scores, torch.full_like(scores[:, :3], -1e4)], 1)
    few, many = certainty(scores), certainty(more)
    torch.testing.assert_close(few[:, :2], many[:, :2])
    torch.testing.assert_close(few[:, 3:], many[:, 3:])
