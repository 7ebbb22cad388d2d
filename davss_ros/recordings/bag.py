"""Camera images out of a rosbag2 (sqlite3 or mcap), by the library rosbags; needs no ROS."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.interfaces import Connection
from rosbags.typesys import Stores, get_typestore

from davss_ros.errors import DataError, FrameError
from davss_ros.images.messages import decode
from davss_ros.recordings.frame import Frame

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')


@dataclass(frozen=True)
class BagSource:
    """The images of one topic of a rosbag2, with their own stamps and frame ids."""

    path: Path
    topic: str
    name: str
    rate: float
    count: int

    def __iter__(self) -> Iterator[Frame]:
        """See `davss_ros.recordings.frame.FrameSource`."""
        with closing(_reader(self.path)) as reader:
            chosen = [c for c in reader.connections if c.topic == self.topic]
            for number, (connection, _, raw) in enumerate(reader.messages(connections=chosen)):
                try:
                    message: Any = reader.deserialize(raw, connection.msgtype)
                    image = decode(message)
                except (FrameError, AnyReaderError) as error:
                    raise DataError(f'{self.path}: {self.topic}, message {number}: {error}') from error
                stamp = message.header.stamp
                yield Frame(stamp.sec * 10**9 + stamp.nanosec, image, message.header.frame_id)


def open_bag(path: Path, topic: str = '') -> BagSource:
    """Open the images of ``topic``, or of the bag's only image topic.

    Raises:
        DataError: no rosbag2, or the topic is not there, holds no images, or is one of several.
    """
    with closing(_reader(path)) as reader:
        images = [c for c in reader.connections if c.msgtype in IMAGE_TYPES]
        connection = _choose(path, images, topic)
        count = reader.topics[connection.topic].msgcount
        seconds = max(reader.duration / 1e9, 1e-9)
    rate = (count - 1) / seconds if count > 1 else 1.0
    return BagSource(path, connection.topic, path.name, min(rate, 1000.0), count)


def _reader(path: Path) -> AnyReader:
    """Return an open reader."""
    folder = path if path.is_dir() else path.parent
    if path.is_file() and not (folder / 'metadata.yaml').is_file() and path.suffix == '.db3':
        raise DataError(f'{path}: expected the bag folder with metadata.yaml beside this file')
    try:
        reader = AnyReader([path], default_typestore=get_typestore(Stores.ROS2_JAZZY))
        reader.open()
    except (AnyReaderError, OSError, ValueError) as error:
        raise DataError(f'{path}: cannot be read as a rosbag2: {error}') from error
    return reader


def _choose(path: Path, images: list[Connection], topic: str) -> Connection:
    topics = sorted({c.topic for c in images})
    wanted = topic or (topics[0] if len(topics) == 1 else '')
    for connection in images:
        if connection.topic == wanted:
            return connection
    asked = f'topic {topic!r}' if topic else 'one image topic (name it with --topic)'
    raise DataError(f'{path}: expected {asked}, found image topics: {", ".join(topics) or "none"}')
