# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Bags of labelled frames in all their forms, by the library rosbags; and the loop that they must agree with."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.evaluate.confusion import ConfusionMatrix

STORE = get_typestore(Stores.ROS2_JAZZY)
TYPES = STORE.types
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
SECOND = 10**9
BEGAN = 1_700_000_000 * SECOND
PERIOD = SECOND // 15
Array = NDArray[Any]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """A command that was told how many threads to use tells only the rest of its process."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def header(stamp: int) -> Any:
    return TYPES['std_msgs/msg/Header'](TYPES['builtin_interfaces/msg/Time'](*divmod(stamp, SECOND)), 'camera')


def raw(pixels: Array, stamp: int) -> Any:
    encoding = {(1, 2): 'mono8', (2, 2): 'mono16', (1, 3): 'rgb8'}[pixels.itemsize, pixels.ndim]
    data = np.ascontiguousarray(pixels).view(np.uint8).ravel()
    height, width = pixels.shape[:2]
    return TYPES[IMAGE](header(stamp), height, width, encoding, 0, data.size // height, data)


def png(pixels: Array, stamp: int) -> Any:
    data = cv2.imencode('.png', pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1].ravel()
    return TYPES[COMPRESSED](header(stamp), 'png', data)


Message = tuple[str, int, Any]  # topic, time of reception, message


def write(
    path: Path,
    messages: Sequence[Message],
    storage: StoragePlugin = StoragePlugin.MCAP,
    compression: CompressionMode | None = None,
) -> Path:
    writer = Writer(path, version=9, storage_plugin=storage)
    if compression is not None:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for topic, received, message in messages:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connections[topic], received, STORE.serialize_cdr(message, kind))
    return path


@dataclass(frozen=True)
class Drive:
    """Frames, their labels, and stamps with a gap in them."""

    images: list[Array]
    labels: list[Array]
    stamps: list[int]

    def messages(self, make: Callable[[Array, int], Any] = raw, delay: int = 5_000_000) -> list[Message]:
        found: list[Message] = []
        for image, labels, stamp in zip(self.images, self.labels, self.stamps, strict=True):
            found.append(('/camera/image_raw', stamp + delay, make(image, stamp)))
            found.append(('/truth', stamp + delay, raw(labels, stamp)))
        return found

    def loop(self, config: SegmenterConfig, **labels: Any) -> ConfusionMatrix:
        """The plain loop over `VideoSegmenter.step`."""
        segmenter = VideoSegmenter(config)
        confusion = ConfusionMatrix(len(segmenter.model.classes))
        for image, truth, stamp in zip(self.images, self.labels, self.stamps, strict=True):
            confusion.add(segmenter.step(image, stamp).labels, truth)
        return confusion


@pytest.fixture(scope='session')
def drive() -> Drive:
    """32 frames of blocks that move, a cut in the scene and a gap between stamps."""
    generator = np.random.default_rng(0)
    textures = [generator.integers(0, 60, (64, 200, 3), np.uint8) for _ in range(2)]
    images, labels = [], []
    for t in range(32):
        image = textures[t // 18][:, t % 18 * 2 : t % 18 * 2 + 96].copy()
        if t >= 18:
            image = 255 - image
        image[:30] += 100 if t < 18 else 0
        cv2.rectangle(image, (10 + 2 * t % 60, 20), (30 + 2 * t % 60, 50), (40, 40, 170), -1)
        truth = np.full((64, 96), 3, np.uint8)
        truth[:30] = 0
        truth[20:50, 10 + 2 * t % 60 : 30 + 2 * t % 60] = 8
        truth[:, :2] = 255
        images.append(image)
        labels.append(truth)
    stamps = [BEGAN + t * PERIOD + (2 * SECOND if t >= 25 else 0) for t in range(32)]
    return Drive(images, labels, stamps)


def split(drive: Drive, path: Path) -> Path:
    """Two files of one bag."""
    messages = drive.messages()
    parts = [write(path.with_name(f'{path.name}{n}'), messages[n * 30 : n * 30 + 30 + n * 99]) for n in range(2)]
    metadatas = [yaml.safe_load((part / 'metadata.yaml').read_text())['rosbag2_bagfile_information'] for part in parts]
    path.mkdir()
    for part in parts:
        (part / f'{part.name}.mcap').rename(path / f'{part.name}.mcap')
    joined = metadatas[0] | {
        'relative_file_paths': [f'{part.name}.mcap' for part in parts],
        'files': metadatas[0]['files'] + metadatas[1]['files'],
        'message_count': sum(metadata['message_count'] for metadata in metadatas),
    }
    for topic, other in zip(
        joined['topics_with_message_count'], metadatas[1]['topics_with_message_count'], strict=True
    ):
        topic['message_count'] += other['message_count']
    (path / 'metadata.yaml').write_text(yaml.safe_dump({'rosbag2_bagfile_information': joined}))
    return path


FORMS: dict[str, Callable[[Drive, Path], Path]] = {
    'sqlite3': lambda drive, path: write(path, drive.messages(), StoragePlugin.SQLITE3),
    'mcap': lambda drive, path: write(path, drive.messages()),
    'zstd_file': lambda drive, path: write(path, drive.messages(), StoragePlugin.SQLITE3, CompressionMode.FILE),
    'zstd_message': lambda drive, path: write(path, drive.messages(), StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
    'zstd_storage': lambda drive, path: write(path, drive.messages(), StoragePlugin.MCAP, CompressionMode.STORAGE),
    'png': lambda drive, path: write(path, drive.messages(png)),
    'split': split,
}
