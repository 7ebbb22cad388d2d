# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Where a training computes, and in which arithmetic: neither changes what is learned but for rounding."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from davss_ros.engines.device import choose_precision


@dataclass(frozen=True)
class Compute:
    """Device and arithmetic.

    Attributes:
        precision: of the networks; weights, losses and optimizer are float32 throughout. float16 scales the loss.
        device: where networks and batches lie.
    """

    precision: torch.dtype = torch.float32
    device: torch.device = torch.device('cpu')  # noqa: RUF009  # immutable

    def autocast(self) -> AbstractContextManager[object]:
        """Compute networks in ``precision`` inside of it."""
        return torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32)

    def to(self, x: Tensor) -> Tensor:
        """Return ``x`` on the device."""
        return x.to(self.device, non_blocking=True)


def choose_compute(device: torch.device, precision: str, cpu: torch.dtype) -> Compute:
    """Return how to compute on ``device``.

    Args:
        device: where.
        precision: ``float32``, ``bfloat16``, ``float16``, or ``auto``: half precision on CUDA, ``cpu`` on a CPU.
        cpu: what is best there.
    """
    if precision == 'auto' and device.type == 'cpu':
        return Compute(cpu, device)
    return Compute(choose_precision(precision, device), device)
