# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Frames of a folder of images."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from davss_ros.errors import DataError
from davss_ros.images.bit_depth import AUTO, BitDepth
from davss_ros.images.files import IMAGE_SUFFIXES, read_image
from davss_ros.images.names import visible_files
from davss_ros.recordings.bag_files import inner_recordings
from davss_ros.recordings.findings import Findings
from davss_ros.recordings.frame import Frame


@dataclass(frozen=True)
class FolderSource:
    """Images of a folder, or of its subfolder ``images``, in natural order of their names (2 before 10)."""

    paths: tuple[Path, ...]
    name: str
    rate: float
    findings: Findings
    bit_depth: int | str = AUTO

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.paths)

    def __iter__(self) -> Iterator[Frame]:
        """See `davss_ros.recordings.frame.FrameSource`."""
        for frame, _ in self.named():
            yield frame

    def named(self) -> Iterator[tuple[Frame, Path]]:
        """Yield the frames with their files; those that cannot be read are skipped."""
        self.findings.begin()
        depth = BitDepth(self.bit_depth, say=self.findings.remark)
        frames = 0
        for number, path in enumerate(self.paths):
            try:
                image = read_image(path, depth)
            except DataError as error:
                self.findings.skip(path.name, str(error).removeprefix(f'{path}: '))
                continue
            stamp = round(number * 1e9 / self.rate)
            frames += 1
            yield Frame(stamp, image, '', stamp), path
        self.findings.end(frames)


def open_folder(
    path: Path,
    rate: float,
    *,
    say: Callable[[str], None] | None = None,
    strict: bool = False,
    bit_depth: int | str = AUTO,
) -> FolderSource:
    """Open a folder, its subfolder ``images``, or one image, at ``rate`` Hz; `DataError` if there are no images."""
    folder = path / 'images' if (path / 'images').is_dir() else path
    paths = tuple(visible_files(folder, IMAGE_SUFFIXES)) if folder.is_dir() else (path,)
    if not paths:
        found = ', '.join(child.name for child in inner_recordings(folder)) or 'neither'
        raise DataError(f'{folder}: expected images ({" ".join(IMAGE_SUFFIXES)}) or a rosbag2, found {found}')
    return FolderSource(paths, path.name, rate, Findings(str(folder), say, strict), bit_depth)
