# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import torch
from torch import Tensor

from davss_ros.evaluate.memory import remembering
from davss_ros.networks.interface import Propagated


class Counting:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *inputs: Tensor) -> Tensor:
        self.calls += 1
        return torch.full((1,), float(self.calls))


def image(value: float) -> Tensor:
    return torch.full((1, 3, 4, 4), value)


def test_equal_tensors_are_computed_once() -> None:
    network = Counting()
    remembered = remembering(network, 3)
    first = remembered(image(1), image(2))
    assert remembered(image(1), image(2)) is first  # other tensors of the same content
    assert network.calls == 1
    for other in [(image(2), image(1)), (image(1), image(1)), (image(1), torch.ones(1, 3, 2, 2))]:
        assert remembered(*other) is not first
    assert network.calls == 4


def test_what_was_asked_for_longest_ago_is_forgotten() -> None:
    network = Counting()
    remembered = remembering(network, 2)
    remembered(image(1)), remembered(image(2)), remembered(image(1)), remembered(image(3))
    assert network.calls == 3
    remembered(image(1))
    assert network.calls == 3
    remembered(image(2))
    assert network.calls == 4


def test_what_was_propagated_counts_as_well() -> None:
    network = Counting()
    remembered = remembering(network, 2)
    remembered(image(0), Propagated(image(1), image(2)))
    remembered(image(0), Propagated(image(1), image(2)))
    assert network.calls == 1
    remembered(image(0), Propagated(image(1), image(3)))
    assert network.calls == 2
