# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Open whatever recording lies at a path: a video file, a folder of images or a rosbag2."""

from collections.abc import Callable
from pathlib import Path

from davss_ros.errors import ConfigError, DataError
from davss_ros.images.bit_depth import AUTO, parse_bit_depth
from davss_ros.images.files import IMAGE_SUFFIXES
from davss_ros.recordings.bag_files import is_bag
from davss_ros.recordings.folder import open_folder
from davss_ros.recordings.frame import FOLDER_RATE, FrameSource
from davss_ros.recordings.video import open_video
from davss_ros.yaml_file import user_path

HIGHEST_RATE = 1000.0  # Hz


def open_source(
    path: Path | str,
    *,
    topic: str = '',
    rate: float = 0.0,
    strict: bool = False,
    say: Callable[[str], None] | None = None,
    bit_depth: int | str = AUTO,
) -> FrameSource:
    """Open a video file, a folder of images, one image, or a rosbag2 (folder, .mcap or .db3 file).

    Args:
        path: what to open.
        topic: image topic of a bag; empty takes the only camera.
        rate: Hz of an image folder (default `FOLDER_RATE`) or, if a video does not tell, of the video.
        strict: a frame that cannot be read ends the reading; else it is skipped, counted and said.
        say: takes a line about whatever is skipped, lost or odd; by default a warning in the log.
        bit_depth: of 16-bit pictures, see `davss_ros.images.bit_depth.BitDepth`.

    Raises:
        DataError: there is nothing of the kind at ``path``.
        ConfigError: ``rate`` is none, or ``bit_depth``.
    """
    if not 0 <= rate <= HIGHEST_RATE:
        raise ConfigError(f'rate: expected 0 (as recorded) to {HIGHEST_RATE:g} Hz, found {rate:g}')
    parse_bit_depth(bit_depth)
    path = user_path(path)
    try:
        if not path.exists():
            raise DataError(f'{path}: no such file or folder')
        if not path.is_dir() and not path.is_file():
            raise DataError(f'{path}: expected a file or a folder, found a pipe or a device')
        if is_bag(path):
            from davss_ros.recordings.bag import open_bag  # here, since a segmenter without bags needs no rosbags

            return open_bag(path, topic, say=say, strict=strict, bit_depth=bit_depth)
        if topic:
            raise DataError(f'{path}: expected a bag, since a topic ({topic}) was asked for, found none')
        if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
            return open_folder(path, rate or FOLDER_RATE, say=say, strict=strict, bit_depth=bit_depth)
        return open_video(path, rate, say=say, strict=strict)
    except OSError as error:
        raise DataError(f'{path}: cannot be read: {error.strerror or error}') from error
