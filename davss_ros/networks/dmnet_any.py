# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The distortion network for any classes: it sees how sure the propagated scores are, not which class they mean.

Its inputs do not depend on the number, order or meaning of the classes, so one set of weights serves every key network.
They are both images, and of the propagated scores at each 1/4-size pixel:

- the probabilities of the best and of the second class, and the entropy relative to its largest value, log C;
- how likely a neighbour is of another class, within 3x3 and within 9x9 pixels: edges of the label map, where most
  errors of propagation are.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.interface import Propagated
from davss_ros.networks.layers import ConvBn, separable

WIDTH = 32
NEIGHBOURS = (3, 9)  # sides, 1/4-size pixels
MEASURES = 3 + len(NEIGHBOURS)


def certainty(scores: Tensor) -> Tensor:
    """Return what is known of ``scores`` (N, C, h, w) without their classes: (N, `MEASURES`, h, w) in [0, 1].

    The measures stay the same when classes are renamed or the same number is added to all scores of a pixel.
    """
    classes = scores.shape[1]
    behind = scores - scores.amax(1, keepdim=True)
    powers = behind.exp()
    whole = powers.sum(1, keepdim=True)
    probabilities = powers / whole
    best = probabilities.topk(min(2, classes), 1).values
    second = best[:, 1:2] if classes > 1 else torch.zeros_like(best)
    entropy = (whole.log() - (probabilities * behind).sum(1, keepdim=True)) / math.log(max(classes, 2))
    return torch.cat([best[:, :1], second, entropy, *(_edges(probabilities, side) for side in NEIGHBOURS)], 1)


def _edges(probabilities: Tensor, side: int) -> Tensor:
    """Return how likely a pixel and one of the ``side`` x ``side`` around it differ in class: (N, 1, h, w)."""
    around = F.avg_pool2d(probabilities, (side, 1), 1, (side // 2, 0), count_include_pad=False)
    around = F.avg_pool2d(around, (1, side), 1, (0, side // 2), count_include_pad=False)
    return 1 - (probabilities * around).sum(1, keepdim=True)


class DMNetAny(nn.Module):
    """Probability that the propagated label is wrong, at 1/4 size, whatever the classes."""

    def __init__(self) -> None:
        super().__init__()
        self.join = ConvBn(9 + MEASURES, WIDTH, 1)
        self.look = nn.Sequential(*(separable(WIDTH, WIDTH, dilation=rate) for rate in (1, 2, 4)))
        self.judge = nn.Conv2d(2 * WIDTH, 1, 1)

    def forward(self, propagated: Propagated, image: Tensor) -> Tensor:
        """Return the distortion map (N, 1, h, w), 0 = trust, 1 = redo; ``image`` is (N, 3, h, w) RGB in [0, 1]."""
        difference = (propagated.image - image).abs()
        measures = certainty(propagated.scores) - 0.5
        near = self.join(torch.cat([propagated.image - 0.5, image - 0.5, difference * 4, measures], 1))
        return self.judge(torch.cat([near, self.look(near)], 1)).sigmoid()
