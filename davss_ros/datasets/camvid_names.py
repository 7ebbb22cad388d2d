# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""How CamVid's authors name frames: drive and number, the numbers counting frames of the videos at 30 Hz.

The first labelled frame of every drive, as they name it: 0001TP_006690, 0006R0_f00930, 0016E5_00390, Seq05VD_f00000.
Labels come once a second (every 30th number), and in 0016E5 from 07959 to 08159 fifteen times (every other number).
"""

import re

from davss_ros.datasets.sequence import FrameId

NUMBER_RATE = 30.0  # Hz; Brostow et al., Pattern Recognition Letters 30 (2009)
_FRAME = re.compile(r'(.+?)_f?(\d+)')
_DRIVES = ('0001TP', '0006R0', '0016E5', 'Seq05VD')


def frame_of(name: str) -> FrameId | None:
    """Return drive and number of a name like ``0006R0_f00930``, or None."""
    match = _FRAME.fullmatch(name)
    return FrameId(match[1], int(match[2])) if match else None


def original_frame(name: str) -> FrameId | None:
    """Return the same if it is one of the four drives."""
    found = frame_of(name)
    return found if found and found.drive in _DRIVES else None


def split_of(frame: FrameId) -> str:
    """Return the usual split, ``train``, ``val`` or ``test`` (the lists of the SegNet tutorial).

    Its labelled frames are 367, 101 and 233. Frames between them belong to the same split.
    """
    drive, number = frame
    if drive == 'Seq05VD' or (drive == '0001TP' and number > 8520):
        return 'test'
    return 'val' if drive == '0016E5' and 7950 < number < 8190 else 'train'
