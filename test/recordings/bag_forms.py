# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Bags for these tests, in every form that recorders write."""

from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from mcap.writer import CompressionType, IndexType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
IMAGE, COMPRESSED, TEXT = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', 'std_msgs/msg/String'
START = 1_700_000_000 * 10**9  # ns
PERIOD = 10**8  # ns
HEIGHT, WIDTH = 12, 16
MCAP_FORMS = {  # name -> options of the mcap library's writer
    f'{compression.name.lower()}_{name}': {'compression': compression, 'chunk_size': 2000, **options}
    for compression, (name, options) in product(
        CompressionType,
        {
            'whole': {},
            'no_statistics': {'use_statistics': False},
            'no_message_index': {'index_types': IndexType.CHUNK},
            'no_index': {'index_types': IndexType.NONE},
            'no_repetition': {'repeat_channels': False, 'repeat_schemas': False},
            'no_schemas': {'repeat_schemas': False},
            'no_checksums': {'enable_crcs': False},
        }.items(),
    )
} | {'loose': {'use_chunking': False}, 'loose_bare': {'use_chunking': False, 'use_statistics': False}}


def pixels(number: int) -> np.ndarray:
    """Return frame ``number``, (HEIGHT, WIDTH, 3) RGB."""
    return np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def image(number: int, stamp: int | None = None, encoding: str = 'rgb8') -> bytes:
    """Return frame ``number`` as a serialised Image; its stamp is by default START + number * PERIOD."""
    types = STORE.types
    at = START + number * PERIOD if stamp is None else stamp
    header = types['std_msgs/msg/Header'](types['builtin_interfaces/msg/Time'](*divmod(at, 10**9)), 'cam')
    data = pixels(number).ravel()
    message = types[IMAGE](header, HEIGHT, WIDTH, encoding, 0, WIDTH * 3, data)
    return bytes(STORE.serialize_cdr(message, IMAGE))


def text(words: str = 'hello') -> bytes:
    """Return a serialised String."""
    return bytes(STORE.serialize_cdr(STORE.types[TEXT](words), TEXT))


Row = tuple[str, str, int, bytes]  # topic, type, time of reception in ns, message


def images(count: int, topic: str = '/image') -> list[Row]:
    """Return the rows of a topic with ``count`` frames."""
    return [(topic, IMAGE, START + number * PERIOD, image(number)) for number in range(count)]


def write_bag(path: Path, rows: Iterable[Row], storage: StoragePlugin = StoragePlugin.MCAP, **options: Any) -> Path:
    """Write a bag folder by rosbags."""
    with Writer(path, version=options.get('version', 9), storage_plugin=storage) as writer:
        connections: dict[tuple[str, str], Any] = {}
        for topic, kind, received, data in rows:
            key = topic, kind
            connections[key] = connections.get(key) or writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connections[key], received, data)
    return path


def write_mcap(
    path: Path,
    rows: Sequence[Row],
    *,
    definition: tuple[str, bytes] = ('ros2msg', b''),
    extras: bool = False,
    **form: Any,
) -> Path:
    """Write one file by the mcap library.

    Args:
        path: of the file.
        rows: messages, in the order in which they are to lie.
        definition: encoding and text of every schema, which nothing may depend on.
        extras: an attachment, a metadata record, and a topic of another encoding beside the messages.
        form: one of `MCAP_FORMS`.
    """
    with path.open('wb') as file:
        writer = McapWriter(file, **form)
        writer.start('ros2')
        if extras:
            schema = writer.register_schema('foxglove.Pose', 'protobuf', b'\xff\x00\x80')
            foreign = writer.register_channel('/pose', 'protobuf', schema)
            bare = writer.register_channel('/bare', 'json', 0)
            writer.add_attachment(0, 0, 'notes.txt', 'text/plain', bytes(5000))
            writer.add_metadata('robot', {'name': 'marvin'})
        channels: dict[tuple[str, str], int] = {}
        for topic, kind, received, data in rows:
            if (topic, kind) not in channels:
                schema = writer.register_schema(kind, *definition)
                channels[topic, kind] = writer.register_channel(topic, 'cdr', schema)
            writer.add_message(channels[topic, kind], received, data, received)
            if extras:
                writer.add_message(foreign, received, b'\x01\x02', received)
                writer.add_message(bare, received, b'{}', received)
        writer.finish()
    return path
