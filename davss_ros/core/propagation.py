# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Carrying the key frame's scores and image along the flow.

Three ways, by name:

- ``step``: what was carried to frame t-1 is carried on to t (DAVSS, section III-B). Each step resamples, so thin
  structures blur as the distance grows.
- ``composed``: the flows are chained, ``u_k<-t(p) = u_t(p) + u_k<-t-1(p + u_t(p))``, and the key frame is sampled once,
  its scores bicubically, so that poles are not lost among their neighbours.
- ``renewed``: as ``step``, but sharper (`warp_again`), so that it loses as little as ``composed``; and what was redone
  takes the place of what was carried, so that it need not be redone on every frame after (in the paper it never does,
  section III-B).
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from davss_ros.networks.interface import Propagated
from davss_ros.networks.resample import warp, warp_again


class Propagation(Protocol):
    """Holds a key frame and moves it forward, one flow at a time."""

    def advance(self, flow: Tensor) -> Propagated:
        """Move on by one frame: ``flow`` (N, 2, h, w) leads from the new frame back to the last one."""
        ...

    def renew(self, now: Propagated) -> None:
        """Carry on ``now``, what was propagated to this frame with parts of it redone; only ``renewed`` does so."""
        ...


def chained(earlier: Tensor | None, flow: Tensor) -> Tensor:
    """Return the flow (N, 2, h, w) that leads where ``flow`` leads, and on from there as ``earlier`` does, if any."""
    return flow if earlier is None else flow + warp(earlier, flow)


class StepPropagation:
    """Resample at every step, as published."""

    def __init__(self, key: Propagated) -> None:
        self._now = key

    def advance(self, flow: Tensor) -> Propagated:
        """See `Propagation.advance`."""
        moved = warp(torch.cat(self._now, 1), flow)
        classes = self._now.scores.shape[1]
        self._now = Propagated(moved[:, :classes], moved[:, classes:])
        return self._now

    def renew(self, now: Propagated) -> None:
        """See `Propagation.renew`."""


class ComposedPropagation:
    """Add up the flow and resample the key frame once."""

    def __init__(self, key: Propagated) -> None:
        self._key = key
        self._flow: Tensor | None = None

    def advance(self, flow: Tensor) -> Propagated:
        """See `Propagation.advance`."""
        self._flow = chained(self._flow, flow)
        return Propagated(warp(self._key.scores, self._flow, 'bicubic'), warp(self._key.image, self._flow))

    def renew(self, now: Propagated) -> None:
        """See `Propagation.renew`."""


class RenewedPropagation:
    """Resample at every step, and go on from what was redone."""

    def __init__(self, key: Propagated) -> None:
        self._now = key

    def advance(self, flow: Tensor) -> Propagated:
        """See `Propagation.advance`."""
        moved = warp_again(torch.cat(self._now, 1), flow)
        classes = self._now.scores.shape[1]
        self._now = Propagated(moved[:, :classes], moved[:, classes:].clamp(0, 1))
        return self._now

    def renew(self, now: Propagated) -> None:
        """See `Propagation.renew`."""
        self._now = now


PROPAGATIONS: dict[str, Callable[[Propagated], Propagation]] = {
    'step': StepPropagation,
    'composed': ComposedPropagation,
    'renewed': RenewedPropagation,
}
