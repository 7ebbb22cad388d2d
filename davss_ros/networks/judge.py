# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The distortion network and the gate as one: what both ask of the propagated scores, an engine computes once."""

import torch
from torch import Tensor, nn

from davss_ros.networks.interface import Propagated


class Judge(nn.Module):
    """The distortion map, and what the gate makes of it and of a correction of the whole frame.

    Args:
        distortion: a `davss_ros.networks.interface.DistortionNetwork`.
        gate: a `davss_ros.networks.interface.GateNetwork`.
    """

    def __init__(self, distortion: nn.Module, gate: nn.Module) -> None:
        super().__init__()
        self.distortion = distortion
        self.gate = gate

    def forward(self, propagated: Propagated, image: Tensor, correction: Tensor, distance: Tensor) -> Tensor:
        """Return the three maps (N, 3, h, w), see `davss_ros.networks.interface.JudgeNetwork`."""
        distortion = self.distortion(propagated, image)
        return torch.cat([distortion, self.gate(propagated, correction, distortion, distance)], 1)
