"""Carrying the key frame's scores and image along the flow.

Two ways, by name:

- ``step``: what was carried to frame t-1 is carried on to t (DAVSS, section III-B). Each step resamples, so thin
  structures blur as the distance grows.
- ``composed``: the flows are chained, ``u_k<-t(p) = u_t(p) + u_k<-t-1(p + u_t(p))``, and the key frame is sampled once,
  its scores bicubically, so that poles are not lost among their neighbours.
"""

from typing import Protocol

import torch
from torch import Tensor

from davss_ros.core.resample import warp
from davss_ros.networks.interface import Propagated


class Propagation(Protocol):
    """Holds a key frame and moves it forward, one flow at a time."""

    def advance(self, flow: Tensor) -> Propagated:
        """Move on by one frame: ``flow`` (N, 2, h, w) leads from the new frame back to the last one."""
        ...


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


class ComposedPropagation:
    """Add up the flow and resample the key frame once."""

    def __init__(self, key: Propagated) -> None:
        self._key = key
        self._flow: Tensor | None = None

    def advance(self, flow: Tensor) -> Propagated:
        """See `Propagation.advance`."""
        self._flow = flow if self._flow is None else flow + warp(self._flow, flow)
        return Propagated(warp(self._key.scores, self._flow, 'bicubic'), warp(self._key.image, self._flow))


PROPAGATIONS: dict[str, type[StepPropagation] | type[ComposedPropagation]] = {
    'step': StepPropagation,
    'composed': ComposedPropagation,
}
