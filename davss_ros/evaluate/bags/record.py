# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What the node would have published, as a rosbag2 (mcap) with the input's stamps and times of reception.

While frames are segmented each task writes a file of its own, which survives being cut off; when all is done they
become one bag.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
import yaml
from numpy.typing import NDArray

from davss_ros.core.classes import SemanticClass
from davss_ros.core.visualize import Painter
from davss_ros.errors import DataError
from davss_ros.evaluate.bags.job import Camera, Job
from davss_ros.evaluate.bags.run import Segmented
from davss_ros.recordings.messages import Bag
from davss_ros.recordings.storage import RawMessage

Times = tuple[int, int]  # of reception and of the header, ns
NODE = '/davss'
_IMAGE, _STRING, _HEADER = 'sensor_msgs/msg/Image', 'std_msgs/msg/String', 'std_msgs/msg/Header'
_ENCODINGS = {(np.dtype(np.uint8), 2): 'mono8', (np.dtype(np.uint8), 3): 'rgb8', (np.dtype(np.float32), 2): '32FC1'}
# numbers of rmw, as rosbag2 keeps them up to version 8: keep_last, reliable, volatile, automatic
_QOS = {'history': 1, 'depth': 5, 'reliability': 1, 'durability': 2}
_LATCHED = {'depth': 1, 'durability': 1}
_NO_LIMIT = {'sec': 9223372036, 'nsec': 854775807}


def topic_of(camera: Camera, output: str) -> str:
    """Return the name of one of a camera's topics, as the node has it."""
    return f'{NODE}/{camera.name}/{output}' if camera.name else f'{NODE}/{output}'


class Recording:
    """Writes the outputs of a task; does nothing unless the job asks for some.

    Args:
        job: says what to record.
        classes: with their colours.
        part: file to write.
    """

    def __init__(self, job: Job, classes: Sequence[SemanticClass], part: Path) -> None:
        self._outputs = job.record
        self._painter, self._opacity = Painter(classes), job.settings.node.overlay_opacity
        self._path = part
        self._file: IO[bytes] | None = None
        self._writer: BagWriter | None = None

    def __enter__(self) -> 'Recording':
        if self._outputs:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open('wb')
            self._writer = BagWriter(self._file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._writer is not None and self._file is not None:
            try:
                self._writer.finish()
            finally:
                self._file.close()

    def __call__(self, segmented: Segmented) -> None:
        """Write the outputs of a frame."""
        if self._writer is None:
            return
        frame, result = segmented.frame, segmented.result
        assert frame.image is not None
        for output in self._outputs:
            if output == 'label':
                pixels: NDArray[Any] = result.labels
            elif output == 'distortion':
                pixels = result.distortion
            else:
                pixels = self._painter.overlay(frame.image, result.labels, self._opacity)
            topic = topic_of(segmented.camera, output)
            self._writer.write_image(topic, pixels, frame.stamp, frame.frame_id, frame.received, frame.n)


class BagWriter:
    """Writes an mcap file as rosbag2 does.

    Args:
        file: open for writing bytes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        try:
            from mcap.writer import Writer
        except ImportError as error:
            raise DataError("recording needs the package mcap: pip install 'davss_ros[bags]'") from error
        from rosbags.typesys import Stores, get_typestore

        self._store: Any = get_typestore(Stores.ROS2_JAZZY)
        self._writer = Writer(file)
        self._writer.start(profile='ros2', library='davss_ros')
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self.counts: dict[str, tuple[str, int, str]] = {}  # topic -> type, messages, qualities of service
        self.span = (2**63 - 1, 0)  # ns, times of reception

    def write_image(
        self, topic: str, pixels: NDArray[Any], stamp: int, frame_id: str, received: int, number: int
    ) -> None:
        """Write (H, W) uint8 or float32, or (H, W, 3) uint8 RGB, as sensor_msgs/Image."""
        types = self._store.types
        header = types[_HEADER](types['builtin_interfaces/msg/Time'](stamp // 10**9, stamp % 10**9), frame_id)
        height, width = pixels.shape[:2]
        data = np.ascontiguousarray(pixels).view(np.uint8).ravel()
        encoding = _ENCODINGS[pixels.dtype, pixels.ndim]
        message = types[_IMAGE](header, height, width, encoding, 0, data.size // height, data)
        self.write(topic, _IMAGE, bytes(self._store.serialize_cdr(message, _IMAGE)), received, number)

    def write_text(self, topic: str, text: str, received: int) -> None:
        """Write a latched std_msgs/String."""
        message = self._store.types[_STRING](text)
        data = bytes(self._store.serialize_cdr(message, _STRING))
        self.write(topic, _STRING, data, received, 0, latched=True)

    def write(
        self, topic: str, kind: str, data: bytes, received: int, number: int = 0, *, latched: bool = False
    ) -> None:
        """Write a serialised message."""
        if kind not in self._schemas:
            definition, _ = self._store.generate_msgdef(kind, ros_version=2)
            self._schemas[kind] = self._writer.register_schema(kind, 'ros2msg', definition.encode())
        if topic not in self._channels:
            qos = _quality(latched)
            self._channels[topic] = self._writer.register_channel(
                topic, 'cdr', self._schemas[kind], {'offered_qos_profiles': qos}
            )
            self.counts[topic] = kind, 0, qos
        self._writer.add_message(self._channels[topic], received, data, received, number)
        kind, count, qos = self.counts[topic]
        self.counts[topic] = kind, count + 1, qos
        self.span = min(self.span[0], received), max(self.span[1], received)

    def finish(self) -> None:
        """Write what makes the file whole."""
        self._writer.finish()


def recorded_frames(parts: Sequence[Path], output: str) -> dict[str, set[Times]]:
    """Return the times of the frames of which files hold the ``output`` that is written last, by its topic."""
    found: dict[str, set[Times]] = {}
    for part in parts:
        bag = _opened(part)
        topics = [topic.name for topic in bag.topics if topic.name.endswith(f'/{output}')] if bag else []
        for message in bag.messages(topics) if bag else ():
            found.setdefault(message.topic, set()).add(times_of(message))
    return found


def times_of(message: RawMessage) -> Times:
    """Return the times of an image that `BagWriter` wrote: several may have been received at once."""
    seconds, nanoseconds = struct.unpack_from('<iI', message.data, 4)  # of the header, after what tells the byte order
    return message.received, seconds * 10**9 + nanoseconds


def _opened(part: Path) -> Bag | None:
    try:
        return Bag(part)
    except DataError:  # cut off before the first message
        return None


def join_recording(parts: Sequence[Path], folder: Path, classes: Sequence[SemanticClass]) -> Path:
    """Make one bag of the files of the parts, each message of a topic and its times once; return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'{folder.name}_0.mcap'
    names = [{'class_id': i, 'class_name': c.name, 'color': list(c.color)} for i, c in enumerate(classes)]
    written: set[tuple[str, Times]] = set()
    with path.open('wb') as file:
        writer = BagWriter(file)
        for part in parts:
            bag = _opened(part)
            for message in bag.messages([topic.name for topic in bag.topics if topic.type == _IMAGE]) if bag else ():
                if not written:
                    text = json.dumps({'class_map': names, 'threshold': 0.0})
                    writer.write_text(f'{NODE}/label_names', text, message.received)
                key = message.topic, times_of(message)
                if key not in written:
                    written.add(key)
                    writer.write(message.topic, message.type, message.data, message.received)
        writer.finish()
    write_metadata(folder, path, writer)
    return path


def write_metadata(folder: Path, file: Path, writer: BagWriter) -> None:
    """Write metadata.yaml for a bag of one file."""
    (folder / 'metadata.yaml').write_text(_metadata(file.name, writer.counts, writer.span))


def _quality(latched: bool) -> str:
    """Return the qualities of service as rosbag2 keeps them."""
    limits = {'deadline': _NO_LIMIT, 'lifespan': _NO_LIMIT, 'liveliness': 1, 'liveliness_lease_duration': _NO_LIMIT}
    profile = {**_QOS, **(_LATCHED if latched else {}), **limits, 'avoid_ros_namespace_conventions': False}
    return yaml.safe_dump([profile], sort_keys=False)


def _metadata(file: str, counts: Mapping[str, tuple[str, int, str]], span: tuple[int, int]) -> str:
    """Return metadata.yaml in version 5, which every rosbag2 from Humble on reads."""
    begin, duration = (span[0], span[1] - span[0]) if span[1] else (0, 0)
    total = sum(count for _, count, _ in counts.values())
    times = {'starting_time': {'nanoseconds_since_epoch': begin}, 'duration': {'nanoseconds': duration}}
    topics = [
        {
            'topic_metadata': {
                'name': topic,
                'type': kind,
                'serialization_format': 'cdr',
                'offered_qos_profiles': qos,
            },
            'message_count': count,
        }
        for topic, (kind, count, qos) in counts.items()
    ]
    information = {
        'version': 5,
        'storage_identifier': 'mcap',
        **times,
        'message_count': total,
        'topics_with_message_count': topics,
        'compression_format': '',
        'compression_mode': '',
        'relative_file_paths': [file],
        'files': [{'path': file, **times, 'message_count': total}],
    }
    return yaml.safe_dump({'rosbag2_bagfile_information': information}, sort_keys=False)
