"""One interface to consecutive frames: a video file, a folder of images or a rosbag2."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from davss_ros.data.stills import IMAGE_SUFFIXES, read_image
from davss_ros.errors import DataError

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mkv', '.mov', '.webm', '.mpg', '.mpeg', '.m4v')
FOLDER_RATE = 15.0  # Hz; images carry no time


class Frame(NamedTuple):
    """One frame of a source."""

    stamp: int  # ns; from the bag, else counted from 0 at the source's rate
    image: NDArray[np.uint8]  # (H, W, 3) RGB
    frame_id: str  # coordinate frame of the camera; empty if the source has none


class FrameSource(Protocol):
    """Frames in order; may be iterated again, from the start."""

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

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames.

        Raises:
            DataError: a frame cannot be read.
        """
        ...


@dataclass(frozen=True)
class VideoSource:
    """A video file, read by OpenCV."""

    path: Path
    name: str
    rate: float
    count: int

    def __iter__(self) -> Iterator[Frame]:
        """See `FrameSource`."""
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


@dataclass(frozen=True)
class FolderSource:
    """Images of a folder, or of its subfolder ``images``, in the order of their names."""

    paths: tuple[Path, ...]
    name: str
    rate: float

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.paths)

    def __iter__(self) -> Iterator[Frame]:
        """See `FrameSource`."""
        for number, path in enumerate(self.paths):
            yield Frame(round(number * 1e9 / self.rate), read_image(path), '')


def open_source(path: Path | str, *, topic: str = '', rate: float = 0.0) -> FrameSource:
    """Open a video file, an image folder or a rosbag2 (folder with ``metadata.yaml``, or a lone .mcap file).

    Args:
        path: what to open.
        topic: image topic of a bag; empty takes the only one.
        rate: Hz of an image folder (default `FOLDER_RATE`) or, if a video does not tell, of the video.

    Raises:
        DataError: there is nothing of the kind at ``path``.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise DataError(f'{path}: no such file or folder')
    if path.suffix in ('.mcap', '.db3') or (path / 'metadata.yaml').is_file():
        from davss_ros.data.bag import open_bag  # here, since a segmenter without bags needs no rosbags

        return open_bag(path, topic)
    if path.is_dir():
        return _open_folder(path, rate or FOLDER_RATE)
    return _open_video(path, rate)


def _open_folder(path: Path, rate: float) -> FolderSource:
    folder = path / 'images' if (path / 'images').is_dir() else path
    paths = tuple(sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES))
    if not paths:
        raise DataError(f'{folder}: expected images ({" ".join(IMAGE_SUFFIXES)}) or a rosbag2, found neither')
    return FolderSource(paths, path.name, rate)


def _open_video(path: Path, rate: float) -> VideoSource:
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise DataError(f'{path}: expected a video ({" ".join(VIDEO_SUFFIXES)}), OpenCV cannot open it')
        told = capture.get(cv2.CAP_PROP_FPS)
        fps = told if 0 < told < 1000 else (rate or FOLDER_RATE)
        return VideoSource(path, path.name, fps, max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))))
    finally:
        capture.release()
