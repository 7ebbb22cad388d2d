"""Carrying the key frame's scores and image along the flow.

Two ways, by name:

- ``step``: what was carried to frame t-1 is carried on to t (DAVSS, section III-B). Each step resamples, so thin
  structures blur as the distance grows.
- ``composed``: the flows are chained, ``u_k<-t(p) = u_t(p) + u_k<-t-1(p + u_t(p))``, and the key frame is sampled once.
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
        self._now = _warp_both(self._now, flow)
        return self._now


class ComposedPropagation:
    """Add up the flow and resample the key frame once."""

    def __init__(self, key: Propagated) -> None:
        self._key = key
        self._flow: Tensor | None = None

    def advance(self, flow: Tensor) -> Propagated:
        """See `Propagation.advance`."""
        self._flow = flow if self._flow is None else flow + warp(self._flow, flow)
        return _warp_both(self._key, self._flow)


PROPAGATIONS: dict[str, type[StepPropagation] | type[ComposedPropagation]] = {
    'step': StepPropagation,
    'composed': ComposedPropagation,
}


def _warp_both(what: Propagated, flow: Tensor) -> Propagated:
    moved = warp(torch.cat(what, 1), flow)
    return Propagated(moved[:, : what.scores.shape[1]], moved[:, what.scores.shape[1] :])
