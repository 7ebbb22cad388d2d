# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The correction network's look at a whole frame, every so many frames, and how it is carried to those between.

The first look comes on the frame after the key frame, the next ones every ``correction_interval`` frames. A look is
carried as the key frame is, along the chained flow, for fewer frames than lie between two looks, so that errors do not
grow.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from davss_ros.core.model import Model
from davss_ros.core.propagation import chained
from davss_ros.networks.interface import Propagated
from davss_ros.networks.resample import warp


class Look:
    """The last look at one video since its key frame, if there was one."""

    def __init__(self) -> None:
        self.age = 0  # frames since the look, or the key frame where there was none
        self._scores: Tensor | None = None  # of the frame that was looked at (1, C, h, w)
        self._flow: Tensor | None = None  # that leads back to it

    def advance(self, flow: Tensor) -> None:
        """Go on by one frame: ``flow`` (1, 2, h, w) leads from the new frame back to the last one."""
        self.age += 1
        if self._scores is not None:
            self._flow = chained(self._flow, flow)

    def due(self, interval: int) -> bool:
        """Tell whether the present frame is to be looked at, when every ``interval``-th is."""
        return self._scores is None or self.age >= interval

    def renew(self, scores: Tensor) -> None:
        """Keep the ``scores`` (1, C, h, w) of a new look, at the present frame."""
        self.age, self._scores, self._flow = 0, scores, None

    def carried(self) -> Tensor:
        """Return the scores at the present frame (1, C, h, w)."""
        assert self._scores is not None  # the first frame is looked at
        return self._scores if self._flow is None else warp(self._scores, self._flow)


def look_again(model: Model, image: Tensor, propagated: Propagated, looks: Sequence[Look], flow: Tensor) -> Tensor:
    """Move the looks on to the present frames, renew those that are due, and return what they give (N, C, h, w).

    Args:
        model: its correction network looks, every ``correction_interval`` frames.
        image: the present frames (N, 3, H, W).
        propagated: to these frames.
        looks: of each frame's video.
        flow: from these frames to the ones before (N, 2, h, w).
    """
    for i, look in enumerate(looks):
        look.advance(flow[i : i + 1])
    due = [i for i, look in enumerate(looks) if look.due(model.correction_interval)]
    if len(due) == len(looks):
        scores = model.correction(image, propagated)
    elif due:
        which = torch.tensor(due, device=image.device)
        scores = model.correction(image[which], Propagated(*(part[which] for part in propagated)))
    for place, i in enumerate(due):
        looks[i].renew(scores[place : place + 1])
    carried = [look.carried() for look in looks]
    return carried[0] if len(carried) == 1 else torch.cat(carried)
