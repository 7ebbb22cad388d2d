"""Frames of a video file, by OpenCV."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from davss_ros.errors import DataError
from davss_ros.recordings.frame import FOLDER_RATE, Frame

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mkv', '.mov', '.webm', '.mpg', '.mpeg', '.m4v')


@dataclass(frozen=True)
class VideoSource:
    """A video file, read by OpenCV."""

    path: Path
    name: str
    rate: float
    count: int

    def __iter__(self) -> Iterator[Frame]:
        """See `davss_ros.recordings.frame.FrameSource`."""
        capture = cv2.VideoCapture(str(self.path))
        try:
            number = 0
            while True:
                good, image = capture.read()
                if not good:
                    break
                rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
                yield Frame(round(number * 1e9 / self.rate), rgb, '')
                number += 1
        finally:
            capture.release()
        if number == 0:
            raise DataError(f'{self.path}: no frame of it can be decoded')


def open_video(path: Path, rate: float) -> VideoSource:
    """Open a video file; ``rate``, Hz, is that of one that does not tell its own. `DataError` if OpenCV cannot."""
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise DataError(f'{path}: expected a video ({" ".join(VIDEO_SUFFIXES)}), OpenCV cannot open it')
        told = capture.get(cv2.CAP_PROP_FPS)
        fps = told if 0 < told < 1000 else (rate or FOLDER_RATE)
        return VideoSource(path, path.name, fps, max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))))
    finally:
        capture.release()
