"""Camera images out of a rosbag2; needs no ROS."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from davss_ros.errors import DataError, FrameError
from davss_ros.images.bit_depth import AUTO, BitDepth, parse_bit_depth
from davss_ros.images.messages import decode
from davss_ros.recordings.findings import Findings
from davss_ros.recordings.frame import FOLDER_RATE, Frame
from davss_ros.recordings.messages import CDR, Bag, deserialize
from davss_ros.recordings.storage import Topic

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
DEPTH_ENCODINGS = ('16UC1', '32FC1')
_SHORTEST = 1_000_000  # ns between messages on average; if it is less, the times of reception tell nothing


@dataclass(frozen=True)
class BagSource:
    """The images of one topic of a rosbag2, with their own stamps and frame ids."""

    bag: Bag
    topic: str
    name: str
    rate: float
    count: int
    findings: Findings
    timed: bool  # whether the times of reception make sense; if not, the stamps take their place
    bit_depth: int | str = AUTO

    def __iter__(self) -> Iterator[Frame]:
        """See `davss_ros.recordings.frame.FrameSource`."""
        self.findings.begin()
        depth = BitDepth(self.bit_depth, say=self.findings.remark)
        frames = 0
        messages = (raw for raw in self.bag.messages({self.topic}, self.findings) if raw.type in IMAGE_TYPES)
        for number, raw in enumerate(messages):
            try:
                message: Any = deserialize(raw)
                image = decode(message, depth)
            except (FrameError, DataError) as error:
                self.findings.skip(f'{self.topic}, message {number}', error)
                continue
            stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
            frames += 1
            yield Frame(stamp, image, message.header.frame_id, raw.received if self.timed else stamp)
        self.findings.end(frames)


def open_bag(
    path: Path,
    topic: str = '',
    *,
    say: Callable[[str], None] | None = None,
    strict: bool = False,
    bit_depth: int | str = AUTO,
) -> BagSource:
    """Open the images of ``topic``, or of the bag's only camera.

    Args:
        path: a folder or a storage file, see `Bag`.
        topic: name; a depth topic is taken only if it is named.
        say: takes what is found, see `Findings`.
        strict: an image that cannot be read ends the reading.
        bit_depth: of 16-bit images; if it is set, 16UC1 is no depth where there is no other camera.

    Raises:
        DataError: no rosbag2, or the topic is not there, holds no images, or is one of several.
    """
    bag = Bag(path)
    chosen = _choose(bag, topic, parse_bit_depth(bit_depth) > 0)
    findings = Findings(str(path), say, strict)
    span = chosen.last - chosen.first
    timed = chosen.count < 2 or span >= (chosen.count - 1) * _SHORTEST
    rate = (chosen.count - 1) / span * 1e9 if timed and span else FOLDER_RATE
    if not timed:
        findings.remark(f'{chosen.name}: {chosen.count} messages within {span / 1e6:g} ms: the header stamps count')
    return BagSource(bag, chosen.name, path.name, rate, chosen.count, findings, timed, bit_depth)


def image_topics(bag: Bag) -> tuple[Topic, ...]:
    """Return the cameras of ``bag``: topics with images, of which depth is none."""
    return tuple(topic for topic in _images(bag) if topic.count and not _is_depth(bag, topic))


def _images(bag: Bag) -> list[Topic]:
    return [topic for topic in bag.topics if topic.type in IMAGE_TYPES and topic.encoding == CDR]


def _is_depth(bag: Bag, topic: Topic) -> bool:
    """Look at the first message."""
    if topic.name.endswith('/compressedDepth'):
        return True
    try:
        message = deserialize(next(bag.messages({topic.name})))
    except (DataError, StopIteration):
        return False
    return getattr(message, 'encoding', '') in DEPTH_ENCODINGS or 'compressedDepth' in getattr(message, 'format', '')


def _choose(bag: Bag, wanted: str, depth_too: bool) -> Topic:
    images = _images(bag)
    if wanted:
        found = next((topic for topic in images if topic.name == wanted), None)
        if found and found.count:
            return found
        asked = f'topic {wanted!r}' + (' with messages' if found else '')
    else:
        cameras = image_topics(bag) or tuple(topic for topic in images if topic.count and depth_too)
        if len(cameras) == 1:
            return cameras[0]
        asked = 'one image topic (name it with --topic)'
    listing = ', '.join(_describe(bag, topic) for topic in images) or 'none'
    foreign = sorted({topic.name for topic in bag.topics if topic.type in IMAGE_TYPES} - {t.name for t in images})
    other = f'; not in the encoding of ROS 2: {", ".join(foreign)}' if foreign else ''
    raise DataError(f'{bag.path}: expected {asked}, found image topics: {listing}{other}')


def _describe(bag: Bag, topic: Topic) -> str:
    if not topic.count:
        return f'{topic.name} (no messages)'
    return f'{topic.name} (depth)' if _is_depth(bag, topic) else topic.name
