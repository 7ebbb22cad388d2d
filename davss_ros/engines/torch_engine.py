# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The reference: torch itself, on any device, and wherever no other engine can compute a network."""

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from davss_ros.engines.device import describe_device
from davss_ros.engines.engine import Compiled, Source, needs_float32
from davss_ros.errors import EngineError
from davss_ros.networks.layers import channels_last
from davss_ros.networks.precision import InHalf


class TorchEngine:
    """Computes networks by torch.

    Args:
        device: where.
        precision: in which arithmetic.
    """

    name = 'torch'

    def __init__(self, device: torch.device, precision: torch.dtype) -> None:
        self._device, self._precision = device, precision
        self._copies: dict[int, object] = {}  # what networks share, as the key network and its windows, stays shared
        self._prepared: dict[int, tuple[nn.Module, nn.Module]] = {}

    @property
    def description(self) -> str:
        """See `davss_ros.engines.engine.Engine`."""
        precision = str(self._precision).removeprefix('torch.')
        return f'torch {torch.__version__} on {describe_device(self._device)}, {precision}'

    @property
    def on_cpu(self) -> bool:
        """See `davss_ros.engines.engine.Engine`."""
        return self._device.type == 'cpu'

    def compile(self, source: Source, inputs: Sequence[Tensor]) -> Compiled:
        """See `davss_ros.engines.engine.Engine`; what is made of a network serves all sizes."""
        if isinstance(source, Path):
            raise EngineError(f'{source}: torch does not read such files')
        network = self._prepare(source)
        return lambda *tensors: _outputs(network(*tensors))

    def _prepare(self, network: nn.Module) -> nn.Module:
        if id(network) not in self._prepared:  # and the network is kept, so that the id stays its own
            half = self._precision != torch.float32 and any(True for _ in network.parameters())
            half &= not needs_float32(network)
            as_it_is = self._device.type == 'cpu' and not half
            own = network if as_it_is else copy.deepcopy(network, self._copies).to(self._device)
            channels_last(own)
            prepared = InHalf(own, self._device, self._precision) if half else own
            self._prepared[id(network)] = (network, prepared)
        return self._prepared[id(network)][1]


def _outputs(result: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    return (result,) if isinstance(result, Tensor) else tuple(result)
