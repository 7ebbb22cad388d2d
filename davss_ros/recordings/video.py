# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Frames of a video file, by OpenCV."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from davss_ros.errors import DataError
from davss_ros.recordings.findings import Findings
from davss_ros.recordings.frame import FOLDER_RATE, Frame

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mkv', '.mov', '.webm', '.mpg', '.mpeg', '.m4v')
_FASTEST, _SLOWEST = 1000.0, 0.01  # Hz; what a container tells beyond them is no rate
_SHORTEST = 1_000_000  # ns; times that lie closer are none
_PROBED = 8  # frames whose times are looked at where the rate is absurd
_COUNTED = ('.mp4', '.mov', '.m4v', '.avi')  # containers that store the number of frames; others' is an estimate

# before the first video is opened: what libav prints about broken data is said by `Findings`, in a line
os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')


@dataclass(frozen=True)
class VideoSource:
    """A video file, read by OpenCV; upright, as its container says."""

    path: Path
    name: str
    rate: float
    count: int
    findings: Findings
    timed: bool  # whether its own times are used

    def __iter__(self) -> Iterator[Frame]:
        """See `davss_ros.recordings.frame.FrameSource`."""
        self.findings.begin()
        period = round(1e9 / self.rate)
        number, stamp, first, untimed = 0, -period, 0, 0
        with _opened(self.path) as capture:
            while True:
                good, image = capture.read()
                if not good:
                    break
                time = _time(capture)
                first = time if number == 0 else first
                usable = self.timed and time - first - stamp >= _SHORTEST
                stamp = time - first if usable else stamp + period
                untimed += not usable
                rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
                yield Frame(stamp, rgb, '', stamp)
                number += 1
        if self.timed and untimed:
            self.findings.remark(
                f'{untimed} of {number} frames have no time of their own; {self.rate:g} Hz taken for them'
            )
        if 0 < number < self.count:
            self._say_missing(number, stamp + period)
        if number and not self.count and self.path.suffix.lower() in _COUNTED:
            self.findings.remark(f'damaged: it does not tell how many frames it holds; {number} came')
        self.findings.end(number)

    def _say_missing(self, frames: int, end: int) -> None:
        """Say that fewer frames came than the container announced, unless that was but an estimate."""
        announced = round(self.count * 1e9 / self.rate)
        if self.timed and end > announced - 2e9 / self.rate:
            if self.path.suffix.lower() in _COUNTED:
                self.findings.remark(f'{frames} of {self.count} frames can be decoded, the others are damaged')
            return
        self.findings.remark(f'cut off: {frames} of the {self.count} frames that it announces came')


def open_video(
    path: Path, rate: float, *, say: Callable[[str], None] | None = None, strict: bool = False
) -> VideoSource:
    """Open a video file.

    Args:
        path: of the file.
        rate: Hz of a video that tells neither a rate nor the times of its frames.
        say: takes what is found, see `Findings`.
        strict: a frame that cannot be read ends the reading.

    Raises:
        DataError: OpenCV cannot open it.
    """
    findings = Findings(str(path), say, strict)
    with _opened(path) as capture:
        claimed = capture.get(cv2.CAP_PROP_FPS)
        count = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        turned = capture.get(cv2.CAP_PROP_ORIENTATION_META)
        timed = _SLOWEST <= claimed <= _FASTEST
        taken = claimed
        if not timed:
            period = _period(capture)
            timed = period > 0
            taken = 1e9 / period if timed else rate or FOLDER_RATE
            source = 'the times of its frames' if timed else 'which is taken for want of a better one'
            findings.remark(f'tells {claimed:g} frames a second; read at {taken:g} Hz, {source}')
    if turned:
        findings.remark(f'turned by {turned:g} degrees, as the container says')
    return VideoSource(path, path.name, taken, count, findings, timed)


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    # by libav alone where it is there: the other readers guess numbered pictures from a name, and print
    libav = cv2.CAP_FFMPEG if cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG) else cv2.CAP_ANY
    capture = cv2.VideoCapture(str(path.absolute()), libav)  # absolute, since `a:b.mp4` would be a protocol
    try:
        if not capture.isOpened():
            cut = (
                '; it was cut off before its index (moov) was written, which untrunc can rebuild'
                if _no_index(path)
                else ''
            )
            raise DataError(f'{path}: expected a video ({" ".join(VIDEO_SUFFIXES)}), OpenCV cannot open it{cut}')
        yield capture
    finally:
        capture.release()


def _time(capture: cv2.VideoCapture) -> int:
    """Return when the last frame is to be shown, ns; 0 if nothing tells."""
    milliseconds = capture.get(cv2.CAP_PROP_POS_MSEC)
    return round(milliseconds * 1e6) if np.isfinite(milliseconds) else 0


def _period(capture: cv2.VideoCapture) -> int:
    """Return the median time between the first frames, ns; 0 if their times are none."""
    times: list[int] = []
    while len(times) < _PROBED and capture.grab():
        times.append(_time(capture))
    steps = np.diff(times)
    return int(np.median(steps)) if len(steps) and steps.min() >= _SHORTEST else 0


def _no_index(path: Path) -> bool:
    """Tell whether ``path`` starts as an mp4 does and lacks its index (boxes by size and name, ISO/IEC 14496-12)."""
    size, at, names = path.stat().st_size, 0, list[bytes]()
    with path.open('rb') as file:
        while at + 8 <= size and len(names) < 100:
            file.seek(at)
            head = file.read(16)
            length, name = int.from_bytes(head[:4], 'big'), head[4:8]
            names.append(name)
            at += int.from_bytes(head[8:], 'big') if length == 1 else max(length, 8)
    return names[:1] == [b'ftyp'] and b'moov' not in names
