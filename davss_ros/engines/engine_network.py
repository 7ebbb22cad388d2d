"""A network as it is called, computed by an engine."""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from davss_ros.engines.engine import Compiled, Engine, Source
from davss_ros.errors import EngineError
from davss_ros.networks.again import KeyAgain, Mirrored
from davss_ros.networks.interface import FileNetwork, Propagated

log = logging.getLogger(__name__)


class EngineNetwork:
    """Calls ``network`` through the first of ``engines`` that can compute it.

    It is compiled when a size of input comes for the first time; the number of images (axis 0) may change freely. An
    engine that fails, then or later, is said to in one line, and from there on the next one computes.

    Args:
        network: one of those of `davss_ros.networks.interface`, in float32 and evaluation mode.
        engines: the best first; the last one is the fallback, whose errors are raised.
        role: of the network, for messages.
    """

    def __init__(self, network: nn.Module | FileNetwork, engines: Sequence[Engine], role: str) -> None:
        self.network = network
        self.role = role
        self._engines = list(engines)
        self._compiled: dict[tuple[tuple[int, ...], ...], Compiled] = {}

    @property
    def engine(self) -> Engine:
        """The one that computes."""
        return self._engines[0]

    def __call__(self, *inputs: Any) -> Tensor:
        """Return what the network gives, by its interface.

        Raises:
            EngineError: not even the last engine can compute it.
        """
        while True:
            try:
                return self._call(*inputs)
            except Exception as error:
                if len(self._engines) == 1:
                    raise
                failed = self._engines.pop(0)
                self._compiled.clear()
                reason = str(error) if isinstance(error, EngineError) else f'{type(error).__name__}: {error}'
                log.warning(
                    '%s: %s fails (%s); %s computes it', self.role, failed.name, _line(reason), self.engine.name
                )

    def _call(self, *inputs: Any) -> Tensor:
        file = isinstance(self.network, FileNetwork)
        tensors = self.network.before(*inputs) if isinstance(self.network, FileNetwork) else flattened(inputs)
        sizes = tuple(tuple(tensor.shape[0 if file else 1 :]) for tensor in tensors)
        compiled = self._compiled.get(sizes)
        if compiled is None:
            compiled = self._compiled[sizes] = self.engine.compile(self._source(inputs), tensors)
        outputs = compiled(*tensors)
        return self.network.after(*outputs) if isinstance(self.network, FileNetwork) else outputs[0]

    def _source(self, inputs: Sequence[Any]) -> Source:
        if isinstance(self.network, FileNetwork):
            return self.network.file
        return self.network if all(isinstance(value, Tensor) for value in inputs) else FlatInputs(self.network, inputs)


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
        result: Tensor = self.network(
            *(Propagated(next(rest), next(rest)) if pair else next(rest) for pair in self._pairs)
        )
        return result


def flattened(inputs: Sequence[Any]) -> list[Tensor]:
    """Return the tensors of a network's inputs one by one, those of `Propagated` too."""
    return [tensor for value in inputs for tensor in ([value] if isinstance(value, Tensor) else value)]


def _line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:300] if lines else 'no reason was told'


def plain(network: Any) -> Any:
    """Return the torch network, in float32, behind one that an engine computes."""
    if isinstance(network, KeyAgain | Mirrored):
        return type(network)(plain(network.key))
    return network.network if isinstance(network, EngineNetwork) else network


def outputs_of(result: Any) -> tuple[Tensor, ...]:
    """Return what a module gave as a tuple."""
    return (result,) if isinstance(result, torch.Tensor) else tuple(result)
