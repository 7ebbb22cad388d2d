# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What the runs through one video share: its frames, labels, the key network's own labels and the motion."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import VOID
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.evaluate.consistency import Correspondence
from davss_ros.evaluate.videos import Video

Image = NDArray[np.uint8]


class VideoView:
    """Reads and computes per frame what is asked for, and keeps as much as a run needs.

    Args:
        number: of the video, to tell views apart.
        video: the frames.
        single: a segmenter in mode ``per_frame``.
        first: frames before this one do not count.
        capacity: how many frames to keep; the earliest goes first.
    """

    def __init__(self, number: int, video: Video, single: VideoSegmenter, first: int, capacity: int) -> None:
        self.number = number
        self._video, self._single, self._first = video, single, first
        self._capacity = capacity
        self._kept: dict[str, dict[int, Any]] = {}

    def counts(self, t: int) -> bool:
        """Return whether frame ``t`` exists and is to be counted."""
        return self._first <= t < len(self._video) and self._video[t].labels is not None

    def name(self, t: int) -> str:
        """Return the name of frame ``t``."""
        return self._video[t].name

    def image(self, t: int) -> Image:
        """Return frame ``t``."""
        return self._keep('image', t, self._video[t].image)

    def labels(self, t: int) -> Image:
        """Return the true labels of frame ``t``."""
        return self._keep('labels', t, lambda: self._video[t].labels_of(self.image(t)))

    def key_labels(self, t: int) -> Image:
        """Return the key network's labels of frame ``t``."""
        return self._keep('key_labels', t, lambda: self._single.step(self.image(t)).labels)

    def carried(self, previous: Image, t: int) -> Image:
        """Return labels of frame ``t`` - 1 along the flow to ``t``; void where they were not in view or ``t`` is."""
        match = self._keep('match', t, lambda: Correspondence(self.image(t), self.image(t - 1)))
        return np.where(self.labels(t) == VOID, np.uint8(VOID), match.carry(previous))

    def _keep(self, what: str, t: int, make: Callable[[], Any]) -> Any:
        kept = self._kept.setdefault(what, {})
        if t not in kept:
            kept[t] = make()
            if len(kept) > self._capacity:
                del kept[min(kept)]  # runs begin at one frame after the other
        return kept[t]
