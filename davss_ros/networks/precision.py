# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A network in half precision among float32."""

from typing import Any

import torch
from torch import Tensor, nn


class InHalf(nn.Module):
    """Takes and gives float32 and computes in less: scores and flow go on being carried and interpolated in float32.

    Args:
        network: one of those of `davss_ros.networks.interface`.
        device: where it is.
        precision: ``torch.bfloat16`` or ``torch.float16``.
    """

    def __init__(self, network: nn.Module, device: torch.device, precision: torch.dtype) -> None:
        super().__init__()
        self.network = network
        self._kind, self._precision = device.type, precision
        if device.type == 'cpu':
            network.to(precision)  # autocast would do it at every call, which takes as long as it saves

    def forward(self, *inputs: Any) -> Tensor:
        """Return what the network gives, as float32."""
        with torch.autocast(self._kind, self._precision):
            result: Tensor = self.network(*inputs)
        return result.float()
