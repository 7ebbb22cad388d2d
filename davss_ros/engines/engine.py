# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What an engine is: something that computes a network as torch does, only faster.

- torch (`davss_ros.engines.torch_engine`) is the reference and the fallback.
- The others are made by name, `davss_ros.engines.registry`, and imported only then.
- `davss_ros.engines.engine_network.EngineNetwork` puts a network and its engines together.

All take and give float32 tensors on the torch device of the model, whatever they compute in.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

Source = nn.Module | Path  # in float32 and evaluation mode, on the CPU; or an ONNX file or OpenVINO's own
Compiled = Callable[..., tuple[Tensor, ...]]  # tensors in, tensors out


def needs_float32(source: Source) -> bool:
    """Return whether a part of a network says, by an attribute ``float32_only``, that half precision is not for it."""
    return isinstance(source, nn.Module) and any(getattr(part, 'float32_only', False) for part in source.modules())


class Engine(Protocol):
    """Compiles networks for one device in one precision."""

    @property
    def name(self) -> str:
        """As in the parameter ``engine``: ``openvino``, ``openvino:GPU``."""
        ...

    @property
    def description(self) -> str:
        """Name, version, device and precision, for logs and results."""
        ...

    @property
    def on_cpu(self) -> bool:
        """Whether it computes on the CPU."""
        ...

    def compile(self, source: Source, inputs: Sequence[Tensor]) -> Compiled:
        """Return ``source`` compiled for tensors of the shapes of ``inputs``, but any number of them (axis 0).

        A file is compiled for the very shapes. What the callable returns is the caller's: it is not written to again.

        Raises:
            EngineError: this engine cannot compute that.
        """
        ...
