"""Open whatever recording lies at a path: a video file, a folder of images or a rosbag2."""

from pathlib import Path

from davss_ros.errors import DataError
from davss_ros.recordings.folder import open_folder
from davss_ros.recordings.frame import FOLDER_RATE, FrameSource
from davss_ros.recordings.video import open_video


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
        from davss_ros.recordings.bag import open_bag  # here, since a segmenter without bags needs no rosbags

        return open_bag(path, topic)
    if path.is_dir():
        return open_folder(path, rate or FOLDER_RATE)
    return open_video(path, rate)
