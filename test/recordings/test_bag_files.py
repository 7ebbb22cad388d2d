# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Bags as they lie about: without metadata, renamed, split, compressed, of another kind."""

import shutil
import tracemalloc
from itertools import pairwise
from pathlib import Path

import cv2
import pytest
import yaml
from backports import zstd
from bag_forms import (
    COMPRESSED,
    IMAGE,
    MCAP_FORMS,
    PERIOD,
    START,
    TEXT,
    image,
    images,
    pixels,
    text,
    write_bag,
    write_mcap,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from davss_ros.errors import DataError
from davss_ros.recordings.bag import image_topics
from davss_ros.recordings.messages import Bag, deserialize
from davss_ros.recordings.open import open_source

STORE = get_typestore(Stores.ROS2_JAZZY)
both_storages = pytest.mark.parametrize('storage', list(StoragePlugin), ids=lambda s: s.name)


def stamps(path: Path, **options: object) -> list[int]:
    return [(frame.stamp - START) // PERIOD for frame in open_source(path, **options)]


def split(folder: Path, storage: StoragePlugin, parts: int = 3) -> Path:
    """Return a bag of ``parts`` files, 0 to 4 frames apart; the eleventh comes after the second, by number."""
    folder.mkdir()
    names = []
    for number in range(parts):
        rows = images(4 * (number + 1))[-4:]
        part = write_bag(folder.parent / f'{folder.name}_{number}', rows, storage)
        file = next(path for path in part.iterdir() if path.suffix != '.yaml')
        names.append(file.rename(folder / file.name).name)
        shutil.rmtree(part)
    topic = {'topic_metadata': {'name': '/image', 'type': IMAGE}, 'message_count': 4 * parts}
    report = {'relative_file_paths': names, 'topics_with_message_count': [topic]}
    (folder / 'metadata.yaml').write_text(yaml.safe_dump({'rosbag2_bagfile_information': report}))
    return folder


@both_storages
@pytest.mark.parametrize('kept', [True, False])
def test_split_bags_play_in_the_order_of_their_parts(tmp_path: Path, storage: StoragePlugin, kept: bool) -> None:
    bag = split(tmp_path / 'drive', storage, 11)
    if not kept:
        (bag / 'metadata.yaml').unlink()
    source = open_source(bag)
    assert (stamps(bag), source.count) == (list(range(44)), 44)
    assert source.rate == pytest.approx(10.0)


@both_storages
@pytest.mark.parametrize('damage', ['missing', 'empty', 'garbage', 'link'])
def test_of_a_split_bag_the_other_parts_play(tmp_path: Path, storage: StoragePlugin, damage: str) -> None:
    bag = split(tmp_path / 'drive', storage)
    part = next(path for path in bag.iterdir() if path.stem == 'drive_1')
    if damage in ('missing', 'link'):
        part.unlink()
    else:
        part.write_bytes(b'' if damage == 'empty' else b'garbage' * 99)
    if damage == 'link':  # which leads nowhere, and no metadata tells of it
        part.symlink_to(tmp_path / 'disk' / part.name)
        (bag / 'metadata.yaml').unlink()
    said: list[str] = []
    assert stamps(bag, say=said.append) == [0, 1, 2, 3, 8, 9, 10, 11]
    assert len(said) == 1 and part.name in said[0] and f'8{"" if damage == "link" else " of 12"} messages' in said[0]


@pytest.mark.parametrize(
    ('storage', 'mode'),
    [
        (StoragePlugin.MCAP, CompressionMode.FILE),
        (StoragePlugin.MCAP, CompressionMode.MESSAGE),
        (StoragePlugin.MCAP, CompressionMode.STORAGE),
        (StoragePlugin.SQLITE3, CompressionMode.FILE),
        (StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
    ],
)
@pytest.mark.parametrize('kept', [True, False])
def test_compressed_bags_play(tmp_path: Path, storage: StoragePlugin, mode: CompressionMode, kept: bool) -> None:
    bag = tmp_path / 'drive'
    writer = Writer(bag, version=9, storage_plugin=storage)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection('/image', IMAGE, typestore=STORE)
        for _, _, received, data in images(5):
            writer.write(connection, received, data)
    if not kept:
        (bag / 'metadata.yaml').unlink()
    assert stamps(bag) == [0, 1, 2, 3, 4]


def test_a_file_that_lies_unpacked_beside_its_packed_one_is_read_once(tmp_path: Path) -> None:
    bag = tmp_path / 'drive'
    bag.mkdir()
    plain = write_mcap(bag / 'drive_0.mcap', images(5))
    (bag / 'drive_0.mcap.zstd').write_bytes(zstd.compress(plain.read_bytes()))
    assert stamps(bag) == [0, 1, 2, 3, 4]


def test_of_a_compressed_file_that_is_cut_off_the_first_part_plays(tmp_path: Path) -> None:
    plain = write_mcap(tmp_path / 'a.mcap', images(2000)).read_bytes()
    path = tmp_path / 'a.mcap.zstd'
    packed = zstd.compress(plain)
    path.write_bytes(packed[: len(packed) // 2])
    said: list[str] = []
    found = stamps(path, say=said.append)
    assert found == list(range(len(found))) and len(found) > 600
    assert len(said) == 1 and 'cut off' in said[0]
    beside = tmp_path / 'a.mcap'
    assert f'`zstd -d {path} -o {beside}; mcap recover {beside}`' in said[0]


@pytest.mark.parametrize('cuts', [(1000,), (1, 2, 3), (2**20, 2**20 + 1)])
def test_a_file_packed_in_pieces_is_whole(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    plain = write_mcap(tmp_path / 'a.mcap', images(2000)).read_bytes()
    edges = [0, *cuts, len(plain)]
    pieces = [zstd.compress(plain[start:end]) for start, end in pairwise(edges)]
    (tmp_path / 'b.mcap.zstd').write_bytes(b''.join(pieces))
    said: list[str] = []
    assert stamps(tmp_path / 'b.mcap.zstd', say=said.append) == list(range(2000)) and not said


def test_a_folder_of_pictures_may_have_metadata_of_its_own(tmp_path: Path) -> None:
    (tmp_path / 'metadata.yaml').write_text('author: me\n')
    for number in range(3):
        assert cv2.imwrite(str(tmp_path / f'{number}.png'), pixels(number)[..., ::-1])
    assert [frame.image.tolist() for frame in open_source(tmp_path)] == [pixels(n).tolist() for n in range(3)]


@both_storages
@pytest.mark.parametrize(
    'content',
    [
        '',
        '[]',
        '42',
        '{',
        'rosbag2_bagfile_information: null',
        'rosbag2_bagfile_information: []',
        '\udcff\x00',
        'rosbag2_bagfile_information: {relative_file_paths: 7, topics_with_message_count: {a: 1}}',
        'rosbag2_bagfile_information: {relative_file_paths: [{}, null], topics_with_message_count: [null, {}]}',
        'rosbag2_bagfile_information: {relative_file_paths: [elsewhere.mcap], storage_identifier: ""}',
        '[' * 5000,
    ],
)
def test_metadata_of_the_wrong_shape_do_no_harm(tmp_path: Path, storage: StoragePlugin, content: str) -> None:
    bag = write_bag(tmp_path / 'drive', images(5), storage)
    (bag / 'metadata.yaml').write_bytes(content.encode(errors='surrogateescape'))
    assert stamps(bag) == [0, 1, 2, 3, 4]


@both_storages
@pytest.mark.parametrize('version', range(1, 10))
def test_metadata_of_every_version(tmp_path: Path, storage: StoragePlugin, version: int) -> None:
    bag = write_bag(tmp_path / 'drive', images(5), storage)
    path = bag / 'metadata.yaml'
    report = yaml.safe_load(path.read_text())['rosbag2_bagfile_information'] | {
        'version': version,
        'storage_identifier': '',
    }
    if version < 4:  # paths with the bag's folder in front
        report['relative_file_paths'] = [f'drive/{name}' for name in report['relative_file_paths']]
    path.write_text(yaml.safe_dump({'rosbag2_bagfile_information': report}))
    assert stamps(bag) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize('name', ['a b', 'a#b', 'a?b=1', 'a%20b', 'ünïcode 名', "it's", 'a:b', '-x', 'file:x'])
@both_storages
def test_any_path(tmp_path: Path, storage: StoragePlugin, name: str) -> None:
    bag = write_bag(tmp_path / 'drive', images(3), storage).rename(tmp_path / name)
    file = next(path for path in bag.iterdir() if path.suffix != '.yaml')
    file = file.rename(bag / (name + file.suffix))
    link = tmp_path / 'link'
    link.symlink_to(bag)
    for path in (bag, file, link):
        assert stamps(path) == [0, 1, 2]
    assert stamps(file.rename(file.with_suffix(file.suffix.upper()))) == [0, 1, 2]
    assert stamps(bag) == [0, 1, 2]  # its metadata name the file as it was


def test_a_ros_1_bag_names_the_converter(tmp_path: Path) -> None:
    for name in ('old.bag', 'noname'):
        path = tmp_path / name
        path.write_bytes(b'#ROSBAG V2.0\n' + bytes(4096))
        with pytest.raises(DataError, match=rf'found a ROS 1 bag; `rosbags-convert --src {path} --dst'):
            open_source(path)


def test_depth_is_no_camera_unless_it_is_named(tmp_path: Path) -> None:
    depth = [('/depth', IMAGE, START, image(0, encoding='16UC1')), ('/range', IMAGE, START, image(0, encoding='32FC1'))]
    packed = STORE.types[COMPRESSED](
        STORE.deserialize_cdr(image(0), IMAGE).header, '16UC1; compressedDepth png', pixels(0).ravel()
    )
    depth.append(('/packed', COMPRESSED, START, bytes(STORE.serialize_cdr(packed, COMPRESSED))))
    bag = write_bag(tmp_path / 'drive', [*depth, *images(3)])
    assert stamps(bag) == [0, 1, 2]
    assert [topic.name for topic in image_topics(Bag(bag))] == ['/image']
    alone = write_bag(tmp_path / 'alone', depth)
    with pytest.raises(DataError, match=r'found image topics: /depth \(depth\), /packed \(depth\), /range \(depth\)$'):
        open_source(alone)


def test_a_topic_without_messages_is_no_choice(tmp_path: Path) -> None:
    bag = tmp_path / 'drive'
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        writer.add_connection('/empty', IMAGE, typestore=STORE)
        connection = writer.add_connection('/image', IMAGE, typestore=STORE)
        writer.write(connection, START, image(0))
    assert stamps(bag) == [0]
    with pytest.raises(
        DataError, match=r"expected topic '/empty' with messages, found image topics: /empty \(no messages\), /image"
    ):
        open_source(bag, topic='/empty')
    with Writer(tmp_path / 'bare', version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        writer.add_connection('/empty', IMAGE, typestore=STORE)
    with pytest.raises(DataError, match=r'found image topics: /empty \(no messages\)$'):
        open_source(tmp_path / 'bare')


def test_the_rate_is_the_topics_own(tmp_path: Path) -> None:
    late = [('/chat', TEXT, START - 600 * 10**9, text())]
    assert open_source(write_bag(tmp_path / 'late', [*late, *images(9)])).rate == pytest.approx(10.0)
    paused = [(*row[:2], row[2] + 60 * 10**9 * (row[2] > START + 5 * PERIOD), row[3]) for row in images(12)]
    assert open_source(write_bag(tmp_path / 'paused', paused)).rate == pytest.approx(10.0)


def test_received_all_at_once_the_stamps_count(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'drive', [(*row[:2], START, row[3]) for row in images(5)])
    said: list[str] = []
    assert [frame.received for frame in open_source(bag, say=said.append)] == [START + i * PERIOD for i in range(5)]
    assert len(said) == 1 and 'the times of reception tell nothing' in said[0]


def test_messages_of_several_topics_by_name(tmp_path: Path) -> None:
    chat = [('/chat', TEXT, START + i * PERIOD + 5, text(str(i))) for i in range(3)]
    bag = Bag(write_bag(tmp_path / 'drive', [*images(3), *chat, ('/other', TEXT, START, text())]))
    found = list(bag.messages({'/chat', '/image'}))
    assert [message.topic for message in found] == ['/image', '/chat'] * 3
    assert [deserialize(message).data for message in found if message.topic == '/chat'] == ['0', '1', '2']
    assert [message.received for message in found] == sorted(message.received for message in found)


@pytest.mark.parametrize('form', ['zstd_whole', 'loose', 'sqlite3'])
def test_memory_does_not_grow_with_the_bag(tmp_path: Path, form: str) -> None:
    peaks = []
    for count in (300, 3000):
        rows = images(count)
        if form == 'sqlite3':
            path = write_bag(tmp_path / f'{count}', rows, StoragePlugin.SQLITE3)
        else:
            path = write_mcap(tmp_path / f'{count}.mcap', rows, **MCAP_FORMS[form])
        size = sum(len(row[3]) for row in rows)
        del rows
        tracemalloc.start()
        assert sum(1 for _ in open_source(path)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < size / 2  # what is kept of each message is its place
