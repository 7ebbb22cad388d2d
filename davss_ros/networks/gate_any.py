# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The gate: whom to believe where, the scores that were carried or those that a light network gave anew.

It knows nothing of classes, as `DMNetAny`, so it serves any pair of networks that are about as sure as those that it
was trained on. At each 1/4-size pixel it sees how sure either is, how likely both mean the same class, the distortion
map, how long ago the key frame was and how far down the pixel lies.
"""

import torch
from torch import Tensor, nn

from davss_ros.networks.dmnet_any import MEASURES, certainty
from davss_ros.networks.interface import Propagated
from davss_ros.networks.layers import ConvBn, separable

WIDTH = 24
FAR = 10.0  # frames; the distance is given relative to it, at most 1


class GateAny(nn.Module):
    """Weight of the correction, and probability that what comes of it is still wrong; both at 1/4 size."""

    def __init__(self) -> None:
        super().__init__()
        self.join = ConvBn(2 * MEASURES + 4, WIDTH, 1)
        self.look = separable(WIDTH, WIDTH, dilation=2)
        self.judge = nn.Conv2d(2 * WIDTH, 2, 1)

    def forward(self, propagated: Propagated, correction: Tensor, distortion: Tensor, distance: Tensor) -> Tensor:
        """Map scores to the two maps (N, 2, h, w) in [0, 1].

        Args:
            propagated: what was carried; its scores (N, C, h, w).
            correction: scores of the correction network (N, C, h, w).
            distortion: map of what was propagated (N, 1, h, w).
            distance: frames since the key frame (N,).
        """
        scores = propagated.scores
        same = (scores.softmax(1) * correction.softmax(1)).sum(1, keepdim=True)
        age = (distance.to(scores.dtype) / FAR).clamp(max=1)[:, None, None, None].expand_as(same)
        rows = torch.linspace(0, 1, scores.shape[2], dtype=scores.dtype, device=scores.device)
        height = rows[:, None].expand_as(same)
        inputs = [certainty(scores), certainty(correction), same, distortion, age, height]
        near = self.join(torch.cat(inputs, 1) - 0.5)
        return self.judge(torch.cat([near, self.look(near)], 1)).sigmoid()
