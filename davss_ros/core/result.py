# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What a step gives."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.confidence import Evidence
from davss_ros.core.frames import map_at_frame_size


@dataclass(frozen=True)
class FrameResult:
    """Labels and distortion of one frame.

    Attributes:
        labels: (H, W) uint8 class ids, H and W the frame's own.
        distortion_quarter: (h, w) float32 in [0, 1] at 1/4 of the working size: of what was propagated to this
            frame, before any of it was redone; 0 = trusted, 1 = not.
        is_key: the key network segmented this frame.
        key_reason: why it did: ``first``, ``interval``, ``size`` (another one than before), ``back`` (a stamp before
            the last one), ``gap`` (between stamps), ``cut``, ``distortion`` (both by the distortion map), ``age``,
            ``failure`` (of the step before), ``reset``, or as whoever reset it said. Where the scores of a key frame
            from the background take over, why that was one, though ``is_key`` is False there; empty on other frames.
        distance: frames since the key frame, 0 on it.
        stamp: as given to the step.
        timings: ms per stage, and their ``total``; of a batch, this frame's share. Stages, as far as the frame came
            through them: ``prepare``, ``flow``, ``propagation``, ``look``, ``distortion``, ``correction``, ``key``,
            ``labels``.
        evidence: what `confidence` is made from.
        working_height: px, to which the frame was scaled down; 0: it was not.
    """

    labels: NDArray[np.uint8]
    distortion_quarter: NDArray[np.float32]
    is_key: bool
    key_reason: str
    distance: int
    stamp: int
    timings: dict[str, float]
    evidence: Evidence | None = None
    working_height: int = 0

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """How sure each label is: (H, W) float32 in [0, 1], made when first asked for; 1 where nothing is known."""
        if self.evidence is None:
            return np.ones(self.labels.shape, np.float32)
        return self._full(self.evidence.confidence())

    @cached_property
    def distortion(self) -> NDArray[np.float32]:
        """The distortion map at the frame's size: (H, W) float32 in [0, 1], made when first asked for."""
        return self._full(self.distortion_quarter)

    @property
    def mean_distortion(self) -> float:
        """Mean of the distortion map, 0 to 1."""
        return float(self.distortion_quarter.mean())

    def _full(self, quarter: NDArray[np.float32]) -> NDArray[np.float32]:
        return map_at_frame_size(quarter, self.labels.shape, self.working_height)
