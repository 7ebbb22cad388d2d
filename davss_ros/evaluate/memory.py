# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A network that remembers what it gave: in an evaluation frames come up again in every mode and at every distance."""

from collections import deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def remembering(network: Callable[..., Tensor], capacity: int) -> Any:
    """Return ``network``, but not called again for tensors equal to those of one of its last calls.

    Args:
        network: gives one tensor for tensors, or tuples of them.
        capacity: how many results are kept; the one asked for longest ago goes first.
    """
    return _Remembering(network, capacity)


class _Remembering:
    def __init__(self, network: Callable[..., Tensor], capacity: int) -> None:
        self._network = network
        self._results: deque[tuple[list[Tensor], Tensor]] = deque(maxlen=capacity)

    def __call__(self, *inputs: Any) -> Any:
        tensors = _flat(inputs)
        # runs go through the same frames in turn, so what comes next was asked for longest ago, or just now
        for place in [-1, *range(len(self._results) - 1)] if self._results else []:
            remembered, result = self._results[place]
            if all(torch.equal(kept, other) for kept, other in zip(remembered, tensors, strict=True)):
                del self._results[place]
                self._results.append((remembered, result))
                return result
        result = self._network(*inputs)
        self._results.append((tensors, result))
        return result


def _flat(inputs: tuple[Any, ...]) -> list[Tensor]:
    return [tensor for part in inputs for tensor in ([part] if isinstance(part, Tensor) else _flat(tuple(part)))]
