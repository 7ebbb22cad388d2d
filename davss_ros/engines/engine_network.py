# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A network as it is called, computed by the engine that was chosen for it."""

import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from davss_ros.engines.choice import Choice, Engines, choose, reason
from davss_ros.engines.engine import Source
from davss_ros.errors import EngineError
from davss_ros.networks.again import KeyAgain, Mirrored, OneByOne
from davss_ros.networks.interface import FileNetwork, Propagated

log = logging.getLogger(__name__)

_Sizes = tuple[tuple[int, ...], ...]


class EngineNetwork:
    """Calls ``network`` by one of ``engines``.

    The engine is chosen (`davss_ros.engines.choice`), and the network compiled, when a size of input comes for the
    first time; the number of images (axis 0) may change freely. An engine that fails later is said to in one line, and
    another one is chosen.

    Args:
        network: one of those of `davss_ros.networks.interface`, in float32 and evaluation mode.
        engines: to choose from.
        role: of the network, for messages.
    """

    def __init__(self, network: nn.Module | FileNetwork, engines: Engines, role: str) -> None:
        if isinstance(network, nn.Module):
            network.eval()  # all of it: an exporter puts every part back to the mode of the whole
        self.network = network
        self.role = role
        self._engines = engines
        self._left = engines.of(network.file if isinstance(network, FileNetwork) else network)
        self._choices: dict[_Sizes, Choice] = {}
        self._flat: nn.Module | None = None

    @property
    def description(self) -> str:
        """Of the engine that computes, or before the first call of the one that is tried first."""
        choices = list(self._choices.values())
        return choices[-1].engine.description if choices else self._left[0].description

    def __call__(self, *inputs: Any) -> Tensor:
        """Return what the network gives, by its interface.

        Raises:
            EngineError: not even the last engine can compute it.
        """
        tensors = self.network.before(*inputs) if isinstance(self.network, FileNetwork) else flattened(inputs)
        first = 0 if isinstance(self.network, FileNetwork) else 1  # a file may be fixed in the number of images, too
        sizes = tuple(tuple(tensor.shape[first:]) for tensor in tensors)
        while True:
            choice = self._choices.get(sizes) or self._choose(sizes, inputs, tensors)
            try:
                return self._checked(self._finish(choice.compiled(*tensors)), choice)
            except Exception as error:
                if choice.engine is self._left[-1]:
                    raise
                self._left.remove(choice.engine)
                self._choices.clear()
                log.warning('%s: %s fails (%s); another one is chosen', self.role, choice.engine.name, reason(error))

    def _checked(self, output: Tensor, choice: Choice) -> Tensor:
        """Raise `EngineError` if there are no numbers, which one sum tells; on CUDA it would wait for the device."""
        if choice.engine.on_cpu and not math.isfinite(float(output.sum(dtype=torch.float32))):
            raise EngineError('gives NaN or infinity')
        return output

    def _choose(self, sizes: _Sizes, inputs: Sequence[Any], tensors: Sequence[Tensor]) -> Choice:
        source = self._source(inputs)
        choice = self._choices[sizes] = choose(self._engines, self._left, source, tensors, self.role, self._finish)
        return choice

    def _finish(self, outputs: tuple[Tensor, ...]) -> Tensor:
        return self.network.after(*outputs) if isinstance(self.network, FileNetwork) else outputs[0]

    def _source(self, inputs: Sequence[Any]) -> Source:
        if isinstance(self.network, FileNetwork):
            return self.network.file
        if all(isinstance(value, Tensor) for value in inputs):
            return self.network
        if self._flat is None:
            self._flat = FlatInputs(self.network, inputs).eval()
        return self._flat


class FlatInputs(nn.Module):
    """A network that takes tensors one by one where ``network`` takes `Propagated` among them.

    Args:
        network: the network.
        inputs: as it takes them.
    """

    def __init__(self, network: nn.Module, inputs: Sequence[Any]) -> None:
        super().__init__()
        self.network = network
        self._pairs = [isinstance(value, Propagated) for value in inputs]

    def forward(self, *tensors: Tensor) -> Tensor:
        """Return what the network gives."""
        rest = iter(tensors)
        inputs = (Propagated(next(rest), next(rest)) if pair else next(rest) for pair in self._pairs)
        result: Tensor = self.network(*inputs)
        return result


def flattened(inputs: Sequence[Any]) -> list[Tensor]:
    """Return the tensors of a network's inputs one by one, those of `Propagated` too."""
    return [tensor for value in inputs for tensor in ([value] if isinstance(value, Tensor) else value)]


def plain(network: Any) -> Any:
    """Return the torch network, in float32, behind one that an engine computes."""
    if isinstance(network, KeyAgain | Mirrored | OneByOne):
        return type(network)(plain(network.key))
    return network.network if isinstance(network, EngineNetwork) else network


def engine_of(network: Any) -> str:
    """Return the description of the engine that computes ``network``; empty if none does."""
    if isinstance(network, KeyAgain | Mirrored | OneByOne):
        return engine_of(network.key)
    return network.description if isinstance(network, EngineNetwork) else ''
