# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What `davss_ros.core.segmenter` keeps of a video from frame to frame, and what it finds out about one on its way."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.core.background import PendingKey
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.frames import to_frame_size
from davss_ros.core.look import Look
from davss_ros.core.propagation import Propagation
from davss_ros.networks.interface import Propagated

if TYPE_CHECKING:
    from davss_ros.core.segmenter import VideoSegmenter

STILL = 0.01  # mean difference of two frames, of colours 0 to 1, below which there is no cut between them


@dataclass
class Cache:
    """What is kept of a video from frame to frame."""

    size: tuple[int, ...]  # of the frames, (H, W)
    propagation: Propagation
    image: Tensor  # the last frame (1, 3, H', W')
    labels: Tensor  # of the key frame (H', W') uint8
    scores: Tensor  # of the key frame (C, h, w)
    stamp: int  # of the last frame, ns
    distance: int = 0  # frames since the key frame
    look: Look = field(default_factory=Look)  # of the correction network, at the whole frame
    pending: PendingKey | None = None  # a newer key frame, in the background
    taken: str = ''  # why there was one whose scores took over on this frame

    def key_reason(self, config: SegmenterConfig, size: tuple[int, ...], stamp: int) -> str:
        """Return why a frame of that (H, W) and stamp cannot but be a key frame; empty if it can go on from this."""
        if self.size != size:
            return 'size'
        if stamp and self.stamp:
            if stamp < self.stamp:
                return 'back'
            if config.longest_gap and stamp - self.stamp > config.longest_gap * 1e9:
                return 'gap'
        return ''

    def advance(self, flow: Tensor) -> Propagated:
        """Return what is carried to the frame that ``flow`` leads back from; of a newer key frame, once that is due."""
        if self.pending is None:
            return self.propagation.advance(flow)
        self.pending.follow(flow)
        if not self.pending.due:
            return self.propagation.advance(flow)
        pending, self.pending = self.pending, None
        self.propagation, propagated = pending.take()
        self.distance, self.taken = pending.age, pending.reason
        return propagated


@dataclass
class Step:
    """One frame on its way."""

    video: 'VideoSegmenter'
    size: tuple[int, ...]  # of the frame, (H, W)
    stamp: int  # ns
    image: Tensor  # at working size, padded (1, 3, H', W')
    key_reason: str  # why it is a key frame; empty: it is none
    cache: Cache | None  # of the video; a key frame brings a new one
    pending: PendingKey | None = None  # this frame as a key frame, in the background
    previous: Tensor | None = None  # the frame before, as `image`
    labels: Tensor = field(init=False)  # (H', W') uint8
    distortion: Tensor = field(init=False)  # (h, w)
    scores: Tensor = field(init=False)  # that the labels come from (C, h, w)

    def is_still(self) -> bool:
        """Return whether the frame shows what the one before did; only known once propagated."""
        return self.previous is not None and bool((self.image - self.previous).abs().mean() < STILL)

    def drop_pending(self) -> None:
        """Leave off what is in the background: this frame is segmented inline."""
        for pending in (self.pending, self.cache.pending if self.cache else None):
            if pending is not None:
                pending.drop()
        self.pending = None

    def frame_labels(self) -> NDArray[np.uint8]:
        """Return the labels at the frame's own size."""
        return to_frame_size(self.labels.cpu().numpy(), self.size, self.video.config.working_height)
