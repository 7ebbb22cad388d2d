# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""One interface to consecutive frames, wherever they come from."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from davss_ros.recordings.findings import Findings

FOLDER_RATE = 15.0  # Hz; images carry no time


class Frame(NamedTuple):
    """One frame of a source."""

    stamp: int  # ns; of a bag the header's, of a video from its start, else counted from 0 at the source's rate
    image: NDArray[np.uint8]  # (H, W, 3) RGB
    frame_id: str  # coordinate frame of the camera; empty if the source has none
    received: int  # ns, when a bag's recorder received it; of other sources the stamp


class FrameSource(Protocol):
    """Frames in order; may be iterated again, from the start.

    What cannot be read is skipped, counted and said, see `Findings`.
    """

    @property
    def name(self) -> str:
        """Last part of the path."""
        ...

    @property
    def rate(self) -> float:
        """Frames per second."""
        ...

    @property
    def count(self) -> int:
        """Number of frames, as far as the container tells; 0 if it does not."""
        ...

    @property
    def findings(self) -> Findings:
        """What was skipped, and remarks."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames.

        Raises:
            DataError: no frame can be read or, where reading is strict, one cannot.
        """
        ...
