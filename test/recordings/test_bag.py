# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from davss_ros.errors import DataError
from davss_ros.recordings.open import open_source

STORE = get_typestore(Stores.ROS2_JAZZY)
TYPES = STORE.types
RAW, COMPRESSED, TEXT = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', 'std_msgs/msg/String'
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 12, 16, 3), np.uint8)  # RGB
START = 1_700_000_000
both_storages = pytest.mark.parametrize('storage', list(StoragePlugin), ids=lambda s: s.name)


def header(number: int) -> Any:
    stamp = TYPES['builtin_interfaces/msg/Time'](START + number, 250_000_000)
    return TYPES['std_msgs/msg/Header'](stamp, f'camera{number}')


def raw(number: int) -> Any:
    pixels = np.concatenate([IMAGES[number][..., ::-1].reshape(12, 48), np.zeros((12, 2), np.uint8)], 1)
    return TYPES[RAW](header(number), 12, 16, 'bgr8', 0, 50, pixels.ravel())


def compressed(number: int) -> Any:
    return TYPES[COMPRESSED](header(number), 'png', cv2.imencode('.png', IMAGES[number][..., ::-1])[1].ravel())


def text(_: int) -> Any:
    return TYPES[TEXT]('hello')


def write(
    path: Path, topics: Iterable[tuple[str, list[Any]]], storage: StoragePlugin = StoragePlugin.MCAP, cut: int = -1
) -> Path:
    with Writer(path, version=9, storage_plugin=storage) as writer:
        for topic, messages in topics:
            kind = messages[0].__msgtype__
            connection = writer.add_connection(topic, kind, typestore=STORE)
            for number, message in enumerate(messages):
                data = STORE.serialize_cdr(message, kind)
                writer.write(connection, (START + number) * 10**9, data[:40] if number == cut else data)
    return path


def file_of(bag: Path) -> Path:
    return next(path for path in bag.iterdir() if path.suffix != '.yaml')


def check(path: Path, topic: str = '', images: NDArray[np.uint8] = IMAGES) -> None:
    frames = list(open_source(path, topic=topic))
    assert len(frames) == len(images)
    for number, (frame, image) in enumerate(zip(frames, images, strict=True)):
        assert np.array_equal(frame.image, image) and frame.image.dtype == np.uint8
        assert frame.stamp == (START + number) * 10**9 + 250_000_000
        assert frame.frame_id == f'camera{number}'


@both_storages
@pytest.mark.parametrize('make', [raw, compressed])
def test_images_come_back_with_stamp_and_frame_id(tmp_path: Path, storage: StoragePlugin, make: Any) -> None:
    path = write(tmp_path / 'drive', [('/image', [make(i) for i in range(5)]), ('/chat', [text(0)])], storage)
    check(path)
    check(path, '/image')


def test_what_the_node_says_of_a_camera_is_no_other_camera(tmp_path: Path) -> None:
    path = write(
        tmp_path / 'drive',
        [('/image', [raw(i) for i in range(5)]), ('/davss/overlay', [raw(0)]), ('/label/compressed', [compressed(0)])],
    )
    check(path)
    assert len(list(open_source(path, topic='/davss/overlay'))) == 1


@both_storages
def test_name_rate_and_count_of_the_topic(tmp_path: Path, storage: StoragePlugin) -> None:
    path = write(tmp_path / 'drive', [('/image', [raw(i) for i in range(5)]), ('/chat', [text(0)])], storage)
    source = open_source(path)
    assert (source.name, source.count) == ('drive', 5)
    assert source.rate == pytest.approx(1.0, rel=1e-6)


@both_storages
def test_a_bag_can_be_read_again(tmp_path: Path, storage: StoragePlugin) -> None:
    source = open_source(write(tmp_path / 'drive', [('/image', [raw(i) for i in range(3)])], storage))
    next(iter(source))  # left half way
    assert [f.stamp for f in source] == [f.stamp for f in source]
    assert len(list(source)) == 3


def test_lone_mcap_file_needs_no_metadata(tmp_path: Path) -> None:
    bag = write(tmp_path / 'drive', [('/image', [raw(i) for i in range(5)])])
    check(file_of(bag).rename(tmp_path / 'lone.mcap'))


@both_storages
@pytest.mark.parametrize('name', ['lone', 'LONE', 'a b#c?d%20e%é', '名前'])
def test_lone_file_needs_no_metadata_whatever_its_name(tmp_path: Path, storage: StoragePlugin, name: str) -> None:
    bag = write(tmp_path / 'drive', [('/image', [raw(i) for i in range(5)])], storage)
    suffix = file_of(bag).suffix
    check(file_of(bag).rename(tmp_path / f'{name}{suffix.upper() if name.isupper() else suffix}'))


def test_several_topics_are_listed_and_chosen_from(tmp_path: Path) -> None:
    reverse = [replace(raw(4 - i), header=header(i)) for i in range(5)]
    path = write(tmp_path / 'drive', [('/left', [raw(i) for i in range(5)]), ('/right', reverse), ('/chat', [text(0)])])
    with pytest.raises(DataError, match=r'name it with --topic.*found image topics: /left, /right$'):
        open_source(path)
    check(path, '/left')
    check(path, '/right', IMAGES[::-1])


@pytest.mark.parametrize(('raws', 'packed', 'name'), [(5, 5, '/image'), (5, 3, '/image'), (3, 5, '/image/compressed')])
def test_a_camera_recorded_raw_and_compressed_is_one(tmp_path: Path, raws: int, packed: int, name: str) -> None:
    topics = [('/image', [raw(i) for i in range(raws)]), ('/image/compressed', [compressed(i) for i in range(packed)])]
    source = open_source(write(tmp_path / 'drive', [*topics, ('/chat', [text(0)])]))
    assert source.topic == name and len(list(source)) == max(raws, packed)
    for wanted, messages in topics:
        assert len(list(open_source(tmp_path / 'drive', topic=wanted))) == len(messages)


@pytest.mark.parametrize('wanted', ['/nosuch', '/chat', 'image'])
def test_topic_that_holds_no_images(tmp_path: Path, wanted: str) -> None:
    path = write(tmp_path / 'drive', [('/image', [raw(0)]), ('/chat', [text(0)])])
    kind = '; /chat holds std_msgs/msg/String, no images that are read here' if wanted == '/chat' else ''
    with pytest.raises(DataError, match=rf"expected topic '{wanted}', found image topics: /image{kind}$"):
        open_source(path, topic=wanted)


def test_bag_without_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'found image topics: none$'):
        open_source(write(tmp_path / 'drive', [('/chat', [text(0)])]))


@pytest.mark.parametrize('encoding', ['16UC1', '32FC1', '64FC1'])
def test_depth_by_the_plain_compressed_transport_is_no_camera(tmp_path: Path, encoding: str) -> None:
    depth = [replace(compressed(i), format=f'{encoding}; png compressed ') for i in range(3)]
    path = write(tmp_path / 'drive', [('/image', [raw(i) for i in range(5)]), ('/depth/image_raw/compressed', depth)])
    check(path)


def test_a_video_of_packets_is_named_with_its_type(tmp_path: Path) -> None:
    kind = 'ffmpeg_image_transport_msgs/msg/FFMPEGPacket'
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg('std_msgs/Header header\nuint8[] data', kind))
    message = store.types[kind](header(0), np.zeros(4, np.uint8))
    with Writer(tmp_path / 'drive', version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection('/camera/ffmpeg', kind, typestore=store)
        writer.write(connection, START * 10**9, store.serialize_cdr(message, kind))
    for topic in ('', '/camera/ffmpeg'):
        with pytest.raises(DataError, match=rf'image topics: none; /camera/ffmpeg holds {kind}, no images that'):
            open_source(tmp_path / 'drive', topic=topic)


broken_messages = pytest.mark.parametrize(
    'broken',
    [
        replace(raw(2), encoding='yuv420'),
        replace(raw(2), step=40),
        replace(raw(2), data=np.zeros(100, np.uint8)),
        replace(raw(2), height=0, step=0, data=np.zeros(0, np.uint8)),
        replace(compressed(2), data=np.zeros(100, np.uint8)),
        replace(compressed(2), data=np.zeros(0, np.uint8)),
    ],
    ids=['encoding', 'step', 'data', 'empty', 'compressed', 'empty compressed'],
)


@broken_messages
def test_broken_message_is_counted_and_skipped(tmp_path: Path, broken: Any) -> None:
    make = raw if broken.__msgtype__ == RAW else compressed
    bag = write(tmp_path / 'drive', [('/image', [make(0), make(1), broken, make(3)])])
    said: list[str] = []
    source = open_source(bag, say=said.append)
    for _ in range(2):  # counted anew each time, said once
        assert [frame.frame_id for frame in source] == ['camera0', 'camera1', 'camera3']
        assert source.findings.skipped.total() == 1
    assert len(said) == 1 and said[0].startswith(f'{bag}: /image, message 2: skipped: ')


@broken_messages
def test_strict_reading_ends_at_a_broken_message(tmp_path: Path, broken: Any) -> None:
    make = raw if broken.__msgtype__ == RAW else compressed
    frames = iter(open_source(write(tmp_path / 'drive', [('/image', [make(0), make(1), broken])]), strict=True))
    assert [next(frames).frame_id, next(frames).frame_id] == ['camera0', 'camera1']
    with pytest.raises(DataError, match=r'drive: /image, message 2: '):
        next(frames)


@both_storages
def test_message_that_is_cut_off_is_skipped(tmp_path: Path, storage: StoragePlugin) -> None:
    path = write(tmp_path / 'drive', [('/image', [raw(i) for i in range(3)])], storage, cut=1)
    source = open_source(path)
    assert [frame.frame_id for frame in source] == ['camera0', 'camera2']
    assert source.findings.skipped.total() == 1


def test_a_bag_of_nothing_but_broken_images_is_an_error(tmp_path: Path) -> None:
    bag = write(tmp_path / 'drive', [('/image', [replace(raw(i), step=1) for i in range(5)])])
    with pytest.raises(DataError, match=r'drive: none of 5 frames can be read; first: /image, message 0: step: '):
        list(open_source(bag))


def test_sixteen_bits_are_depth_unless_their_number_is_set(tmp_path: Path) -> None:
    def deep(number: int) -> Any:
        return replace(raw(number), height=2, width=4, step=8, encoding='16UC1', data=np.full(16, 3, np.uint8))

    bag = write(tmp_path / 'drive', [('/deep', [deep(0), deep(1)])])
    with pytest.raises(DataError, match=r'found image topics: /deep \(depth\)'):
        open_source(bag)
    with pytest.raises(DataError, match='16UC1 is taken for depth, no picture; if it is one, set bit_depth'):
        list(open_source(bag, topic='/deep'))
    for topic in ('', '/deep'):
        assert [int(frame.image.max()) for frame in open_source(bag, topic=topic, bit_depth=10)] == [0x303 >> 2] * 2
