# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Camera images out of a rosbag2; needs no ROS."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

from davss_ros.errors import DataError, FrameError
from davss_ros.images.bit_depth import AUTO, BitDepth, parse_bit_depth
from davss_ros.images.messages import DEPTH_ENCODINGS, decode, stamp_of
from davss_ros.recordings.findings import Findings
from davss_ros.recordings.frame import FOLDER_RATE, Frame
from davss_ros.recordings.messages import CDR, Bag, deserialize
from davss_ros.recordings.storage import Topic

PACKET_TYPES = (  # of videos, which image_transport's plug-ins unpack
    'ffmpeg_image_transport_msgs/msg/FFMPEGPacket',
    'theora_image_transport/msg/Packet',
    'foxglove_msgs/msg/CompressedVideo',
)
IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
OURS = frozenset(
    {'label', 'label_color', 'overlay', 'distortion', 'distortion_color', 'confidence'}
)  # what the node says
COMPRESSED = '/compressed'  # what image_transport adds to the name of a raw topic
_LOOKED_AT = 20  # messages at the start, for the usual time between two
_UNEVEN = 3.0  # mean and usual time apart by so much: there are pauses
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
            stamp = stamp_of(message)
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
    rate = _rate(bag, chosen)
    if not rate:
        what = f'{chosen.count} messages of {chosen.name} within {(chosen.last - chosen.first) / 1e6:g} ms'
        findings.remark(f'{what}: the times of reception tell nothing, the header stamps are taken')
    return BagSource(bag, chosen.name, path.name, rate or FOLDER_RATE, chosen.count, findings, rate > 0, bit_depth)


def _rate(bag: Bag, topic: Topic) -> float:
    """Return messages a second, 0 if they are received all at once: the mean, unless pauses or jumps spoil it."""
    if topic.count < 2:
        return FOLDER_RATE
    mean = (topic.last - topic.first) / (topic.count - 1)
    first = islice(bag.messages({topic.name}), _LOOKED_AT)
    steps = [after - before for before, after in pairwise(message.received for message in first)]
    usual = median(steps) if steps else mean
    step = mean if usual < _SHORTEST or mean < _UNEVEN * usual else usual
    return 1e9 / step if step >= _SHORTEST else 0.0


def is_ours(topic: str) -> bool:
    """Tell whether a topic is named as the node names what it says of a camera, such as ``/davss/label/compressed``."""
    return bool(OURS & set(topic.split('/')[-2:]))


def image_topics(bag: Bag) -> tuple[Topic, ...]:
    """Return the cameras of ``bag``: topics with images, of which depth is none.

    Of a camera that was recorded twice, as ``NAME`` and as image_transport's ``NAME/compressed``, that counts which has
    more messages, the raw one if both have as many.
    """
    cameras = [topic for topic in _images(bag) if topic.count and not _is_depth(bag, topic)]
    counts = {topic.name: topic.count for topic in cameras}

    def is_second(topic: Topic) -> bool:
        raw = topic.name.removesuffix(COMPRESSED)
        beside = counts.get(topic.name + COMPRESSED, 0)
        return beside > topic.count or (raw != topic.name and counts.get(raw, 0) >= topic.count)

    return tuple(topic for topic in cameras if not is_second(topic))


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
    if hasattr(message, 'encoding'):
        return message.encoding in DEPTH_ENCODINGS
    encoding, semicolon, compression = message.format.partition(';')
    return 'compressedDepth' in compression or (bool(semicolon) and encoding.strip() in DEPTH_ENCODINGS)


def _choose(bag: Bag, wanted: str, depth_too: bool) -> Topic:
    images = _images(bag)
    if wanted:
        found = next((topic for topic in images if topic.name == wanted), None)
        if found and found.count:
            return found
        asked = f'topic {wanted!r}' + (' with messages' if found else '')
    else:
        cameras = image_topics(bag) or tuple(topic for topic in images if topic.count and depth_too)
        if len(cameras) > 1:
            cameras = tuple(topic for topic in cameras if not is_ours(topic.name)) or cameras
        if len(cameras) == 1:
            return cameras[0]
        asked = 'one image topic (name it with --topic)'
    listing = ', '.join(_describe(bag, topic) for topic in images) or 'none'
    foreign = sorted({topic.name for topic in bag.topics if topic.type in IMAGE_TYPES} - {t.name for t in images})
    other = f'; not in the encoding of ROS 2: {", ".join(foreign)}' if foreign else ''
    others = [topic for topic in bag.topics if topic.name == wanted and topic.type not in IMAGE_TYPES]
    packets = others or [topic for topic in bag.topics if topic.type in PACKET_TYPES]
    if packets:
        other += f'; {", ".join(f"{topic.name} holds {topic.type}" for topic in packets)}, no images that are read here'
    raise DataError(f'{bag.path}: expected {asked}, found image topics: {listing}{other}')


def _describe(bag: Bag, topic: Topic) -> str:
    if not topic.count:
        return f'{topic.name} (no messages)'
    return f'{topic.name} (depth)' if _is_depth(bag, topic) else topic.name
