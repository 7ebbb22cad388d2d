# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Mcap files in every form, against the mcap library's own reader."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from bag_forms import MCAP_FORMS, START, TEXT, images, pixels, text, write_mcap
from mcap.reader import NonSeekingReader

from davss_ros.errors import DataError
from davss_ros.recordings.mcap import open_mcap
from davss_ros.recordings.messages import Bag
from davss_ros.recordings.open import open_source

ROWS = [
    row for pair in zip(images(9), [('/chat', TEXT, START + i, text()) for i in range(9)], strict=True) for row in pair
]
forms = pytest.mark.parametrize('form', MCAP_FORMS)


def read(path: Path, *topics: str) -> list[tuple[str, int, bytes]]:
    with open_mcap(path) as file:
        return [(message.topic, message.received, message.data) for message in file.messages(topics)]


@forms
@pytest.mark.parametrize('shuffled', [False, True])
def test_messages_are_those_that_the_mcap_library_reads(tmp_path: Path, form: str, shuffled: bool) -> None:
    order = np.random.default_rng(3).permutation(len(ROWS)) if shuffled else range(len(ROWS))
    path = write_mcap(tmp_path / 'a.mcap', [ROWS[i] for i in order], extras=True, **MCAP_FORMS[form])
    for topics in (['/image'], ['/image', '/chat'], ['/chat']):
        with path.open('rb') as file:
            right = [(c.topic, m.log_time, m.data) for _, c, m in NonSeekingReader(file).iter_messages(topics)]
        found = read(path, *topics)
        assert sorted(found) == sorted(right) and len(found) == 9 * len(topics)
        assert [time for _, time, _ in found] == sorted(time for _, time, _ in found)
    with open_mcap(path) as opened:
        counts = {topic.name: (topic.count, topic.first, topic.last) for topic in opened.topics}
        assert counts['/image'] == (9, ROWS[0][2], ROWS[-2][2]) and counts['/pose'][0] == len(ROWS)
        assert not opened.damage


@forms
def test_of_a_file_that_is_cut_off_the_first_part_plays(tmp_path: Path, form: str) -> None:
    whole = write_mcap(tmp_path / 'whole.mcap', ROWS, **MCAP_FORMS[form])
    size = whole.stat().st_size
    before = 0
    for share in np.linspace(0.02, 0.999, 40):
        path = tmp_path / 'cut.mcap'
        path.write_bytes(whole.read_bytes()[: int(size * share)])
        try:
            found = read(path, '/image')
        except DataError:
            found = []
        right = [(topic, time, data) for topic, _, time, data in images(9)]
        assert found == right[: len(found)] and len(found) >= before
        if form.startswith(('none', 'loose')):  # what lies there as it is; a compressed chunk need not give it
            assert len(found) == sum(data in path.read_bytes() for _, _, data in right)
        before = len(found)
        if 0 < len(found) < 9:
            said: list[str] = []
            list(open_source(path, say=said.append))
            assert len(said) == 1 and f'cut off at byte {int(size * share)}' in said[0]
            assert f'{len(found)} messages of /image came' in said[0] and f'`mcap recover {path}`' in said[0]
    assert before == 9


@pytest.mark.parametrize('form', [form for form in MCAP_FORMS if form.endswith(('whole', 'message_index', 'no_index'))])
def test_a_damaged_chunk_is_left_out_and_said(tmp_path: Path, form: str) -> None:
    path = write_mcap(tmp_path / 'a.mcap', images(9), **MCAP_FORMS[form])
    data = bytearray(path.read_bytes())
    middle = data.index(images(9)[4][3][-40:]) if form.startswith('none') else len(data) // 2
    data[middle + 20] ^= 0xFF
    path.write_bytes(data)
    said: list[str] = []
    frames = list(open_source(path, say=said.append))
    assert 5 <= len(frames) < 9
    for frame in frames:
        assert np.array_equal(frame.image, pixels((frame.stamp - START) // 10**8))
    assert len(said) == 1 and 'chunk at byte' in said[0] and len(said[0].splitlines()) == 1
    known = '' if 'index' in form else ' of 9'  # without an index of messages nobody knows how many there were
    assert f'{len(frames)}{known} messages of /image came' in said[0]


def test_only_the_chosen_topic_is_looked_at(tmp_path: Path) -> None:
    nonsense = ('ros2msg', b'\xff\xfe not a definition at all === ###')
    rows = [*images(3), ('/weird', 'my_msgs/msg/Weird', START, b'\x99'), ('/', 'x', START, b''), ('', '', START, b'')]
    path = write_mcap(tmp_path / 'a.mcap', rows, definition=nonsense, extras=True)
    assert len(list(open_source(path))) == 3
    with pytest.raises(DataError, match=r"/weird: expected a type that comes with ROS 2, found 'my_msgs/msg/Weird'"):
        from davss_ros.recordings.messages import deserialize

        deserialize(next(Bag(path).messages({'/weird'})))


def test_old_type_names_are_known(tmp_path: Path) -> None:
    rows = [(topic, 'sensor_msgs/Image', time, data) for topic, _, time, data in images(3)]
    assert len(list(open_source(write_mcap(tmp_path / 'a.mcap', rows)))) == 3


def test_a_topic_of_two_types_plays_its_images(tmp_path: Path) -> None:
    rows = [*images(3), ('/image', TEXT, START + 5, text())]
    source = open_source(write_mcap(tmp_path / 'a.mcap', rows))
    assert (len(list(source)), source.count) == (3, 3)


def test_times_that_ros_has_no_room_for_are_its_latest(tmp_path: Path) -> None:
    rows = [*images(2), (*images(3)[2][:2], 2**64 - 1, images(3)[2][3])]
    for options in ({}, {'use_chunking': False}):
        path = write_mcap(tmp_path / 'a.mcap', rows, **options)
        assert [time for _, time, _ in read(path, '/image')] == [START, START + 10**8, 2**63 - 1]


def test_an_empty_chunk_does_no_harm(tmp_path: Path) -> None:
    path = write_mcap(tmp_path / 'a.mcap', images(3))
    empty = b'\x06' + (8 * 4 + 4 + 4).to_bytes(8, 'little') + bytes(40)
    data = path.read_bytes()
    end = data.index(b'\x0f\x04\x00\x00\x00\x00\x00\x00\x00')  # the end of the data, before the summary
    bare = data[:end] + empty + data[end : end + 13] + b'\x02' + (20).to_bytes(8, 'little') + bytes(20) + data[-8:]
    path.write_bytes(bare)
    assert len(list(open_source(path))) == 3


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'a.mcap'
    for content, found in ((b'', 'an empty file'), (b'garbage' * 9, 'a file that starts 67')):
        path.write_bytes(content)
        with pytest.raises(
            DataError, match=rf'a\.mcap: cannot be read as a rosbag2: expected mcap or sqlite3, found {found}'
        ):
            open_source(path)
    shutil.copy(write_mcap(tmp_path / 'b.mcap', images(2)), tmp_path / 'b.bin')
    assert len(list(open_source(tmp_path / 'b.bin'))) == 2  # its start tells what it is
