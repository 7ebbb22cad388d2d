"""Frames of a folder of images."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from davss_ros.errors import DataError
from davss_ros.images.files import IMAGE_SUFFIXES, read_image
from davss_ros.recordings.frame import Frame


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
        """See `davss_ros.recordings.frame.FrameSource`."""
        for number, path in enumerate(self.paths):
            yield Frame(round(number * 1e9 / self.rate), read_image(path), '')


def open_folder(path: Path, rate: float) -> FolderSource:
    """Open a folder, or its ``images``, at ``rate`` Hz; `DataError` if there are no images."""
    folder = path / 'images' if (path / 'images').is_dir() else path
    paths = tuple(sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES))
    if not paths:
        raise DataError(f'{folder}: expected images ({" ".join(IMAGE_SUFFIXES)}) or a rosbag2, found neither')
    return FolderSource(paths, path.name, rate)
