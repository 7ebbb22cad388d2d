# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What the networks of the method take and give; every registered network keeps to one of these.

Conventions, for this package as a whole:

- Layout (N, C, H, W), float. Images are RGB in [0, 1]; networks normalise inside, if at all.
- "1/4 size" is h = ceil(H / 4), w = ceil(W / 4).
- Scores are what softmax would be taken of; C classes.
- Flow is (dx, dy) in 1/4-size pixels, from the current frame back to the one before: what is at p now was at
  p + flow(p) then, so ``warp(x, flow)(p) = x(p + flow(p))``, clamped at the border.
- The distortion map is 0 where propagated scores can be trusted and 1 where they must be redone.
"""

from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor


class Propagated(NamedTuple):
    """What was carried from the key frame to the current one."""

    scores: Tensor  # (N, C, h, w)
    image: Tensor  # (N, 3, h, w)


class KeyNetwork(Protocol):
    """Segments a frame alone; heavy."""

    def __call__(self, image: Tensor, /) -> Tensor:
        """Map (N, 3, H, W) to scores (N, C, h, w)."""
        ...


class FlowNetwork(Protocol):
    """Estimates motion between two frames."""

    def __call__(self, image: Tensor, previous: Tensor, /) -> Tensor:
        """Map two (N, 3, H, W) to flow (N, 2, h, w)."""
        ...


class DistortionNetwork(Protocol):
    """Tells where propagation failed."""

    def __call__(self, propagated: Propagated, image: Tensor, /) -> Tensor:
        """Map what was propagated and the current image at 1/4 size (N, 3, h, w) to (N, 1, h, w) in [0, 1]."""
        ...


class CorrectionNetwork(Protocol):
    """Segments the current frame, or windows of it; it counts where the distortion map says so."""

    def __call__(self, image: Tensor, propagated: Propagated, /) -> Tensor:
        """Map (N, 3, H, W) and what was propagated to scores (N, C, h, w)."""
        ...


@runtime_checkable
class FileNetwork(Protocol):
    """A network whose body is a file that engines read themselves, ONNX or OpenVINO's own; torch computes the rest."""

    file: Path

    def before(self, *inputs: Any) -> tuple[Tensor, ...]:
        """Return what the file takes, from what the network takes by its role."""
        ...

    def after(self, *outputs: Tensor) -> Tensor:
        """Return what the network gives by its role, from what the file gives."""
        ...


class GateNetwork(Protocol):
    """Joins what was carried and the correction of the whole frame."""

    def __call__(self, propagated: Propagated, correction: Tensor, distortion: Tensor, distance: Tensor, /) -> Tensor:
        """Give (N, 2, h, w) in [0, 1]: how much the correction counts, and how likely the outcome is wrong.

        ``correction`` are scores (N, C, h, w), ``distortion`` is of what was propagated (N, 1, h, w), ``distance`` in
        frames from the key frame (N,).
        """
        ...


class JudgeNetwork(Protocol):
    """A distortion network and a gate in one call."""

    def __call__(self, propagated: Propagated, image: Tensor, correction: Tensor, distance: Tensor, /) -> Tensor:
        """Give (N, 3, h, w) in [0, 1]: the distortion map, and the two maps of the gate.

        ``image`` is the current one at 1/4 size (N, 3, h, w); the others are as for `GateNetwork`.
        """
        ...
