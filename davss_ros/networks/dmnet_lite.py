# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A distortion network that sees both images and how sure the propagated scores are, with a wider view.

The published one compares colours in a 7x7 window, so it cannot tell a moved shadow from a moved car, nor that an edge
between two classes is a likelier place for an error than the middle of the road.
"""

import torch
from torch import Tensor, nn

from davss_ros.networks.interface import Propagated
from davss_ros.networks.layers import ConvBn, separable

WIDTH = 32


class DMNetLite(nn.Module):
    """Probability that the propagated label is wrong, at 1/4 size."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.join = ConvBn(9 + classes, WIDTH, 1)
        self.look = nn.Sequential(*(separable(WIDTH, WIDTH, dilation=rate) for rate in (1, 2, 4)))
        self.judge = nn.Conv2d(2 * WIDTH, 1, 1)

    def forward(self, propagated: Propagated, image: Tensor) -> Tensor:
        """Return the distortion map (N, 1, h, w), 0 = trust, 1 = redo; ``image`` is (N, 3, h, w) RGB in [0, 1]."""
        difference = (propagated.image - image).abs()
        probabilities = propagated.scores.softmax(1)
        near = self.join(torch.cat([propagated.image - 0.5, image - 0.5, difference * 4, probabilities], 1))
        return self.judge(torch.cat([near, self.look(near)], 1)).sigmoid()
