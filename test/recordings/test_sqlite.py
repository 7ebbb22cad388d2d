# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Sqlite3 storage files of every version, with what recorders leave behind, and damaged ones."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from bag_forms import IMAGE, PERIOD, START, TEXT, Row, images, pixels, text, write_bag
from rosbags.rosbag2 import StoragePlugin

from davss_ros.errors import DataError
from davss_ros.recordings.open import open_source
from davss_ros.recordings.sqlite import open_sqlite

TOPICS = {  # version of the schema -> its table of topics, as the sources of rosbag2 have it
    1: 'id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, serialization_format TEXT NOT NULL',
    2: 'id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, serialization_format TEXT NOT NULL, '
    'offered_qos_profiles TEXT NOT NULL',
    4: 'id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, serialization_format TEXT NOT NULL, '
    'offered_qos_profiles TEXT NOT NULL, type_description_hash TEXT NOT NULL',
}
ROWS = [
    row for pair in zip(images(9), [('/chat', TEXT, START + i, text()) for i in range(9)], strict=True) for row in pair
]


def write(database: sqlite3.Connection, rows: list[Row], version: int = 4, index: bool = True) -> None:
    database.execute(f'CREATE TABLE topics({TOPICS[version]})')
    database.execute(
        'CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, timestamp INTEGER NOT NULL, '
        'data BLOB NOT NULL)'
    )
    if index:
        database.execute('CREATE INDEX timestamp_idx ON messages (timestamp ASC)')
    names = {(topic, kind): number for number, (topic, kind) in enumerate({row[:2]: 0 for row in rows}, 1)}
    filling = ['?'] * (TOPICS[version].count(',') + 1)
    for (topic, kind), number in names.items():
        values = (number, topic, kind, 'cdr', '', '')[: len(filling)]
        database.execute(f'INSERT INTO topics VALUES({",".join(filling)})', values)
    for topic, kind, received, data in rows:
        database.execute(
            'INSERT INTO messages(topic_id, timestamp, data) VALUES(?, ?, ?)', (names[topic, kind], received, data)
        )
    database.commit()


@pytest.mark.parametrize('index', [True, False])
@pytest.mark.parametrize('version', TOPICS)
def test_every_version_plays_in_order_of_time(tmp_path: Path, version: int, index: bool) -> None:
    path = tmp_path / 'a.db3'
    order = np.random.default_rng(1).permutation(len(ROWS))
    with sqlite3.connect(path) as database:
        write(database, [ROWS[i] for i in order], version, index)
    with open_sqlite(path) as file:
        assert {topic.name: (topic.type, topic.count, topic.first, topic.last) for topic in file.topics} == {
            '/chat': (TEXT, 9, START, START + 8),
            '/image': (IMAGE, 9, START, START + 8 * PERIOD),
        }
        found = [(message.received, message.data) for message in file.messages(['/image'])]
    assert found == [(time, data) for _, _, time, data in images(9)]


def recorded_and_killed(path: Path, mode: str) -> None:
    """Write as a recorder that is killed does: a log, or in the middle of a transaction a journal, stays behind."""
    code = f"""
import os, sqlite3, sys
sys.path[:0] = {[str(Path(__file__).parent)]!r}
from test_sqlite import ROWS, write
database = sqlite3.connect({str(path)!r})
database.execute('PRAGMA journal_mode={mode}')
database.execute('PRAGMA wal_autocheckpoint=0')
write(database, ROWS)
if {mode == 'DELETE'}:
    database.execute('PRAGMA cache_size=1')
    database.execute('UPDATE messages SET topic_id = 99, data = zeroblob(3000)')
os._exit(0)
"""
    subprocess.run([sys.executable, '-c', code], check=True)


@pytest.mark.parametrize(('mode', 'left'), [('WAL', '-wal'), ('DELETE', '-journal')])
@pytest.mark.parametrize('writable', [True, False])
def test_what_a_killed_recorder_left_is_read_and_stays_as_it_is(
    tmp_path: Path, mode: str, left: str, writable: bool
) -> None:
    path = tmp_path / 'a#b.db3'
    recorded_and_killed(path, mode)
    assert path.with_name(path.name + left).stat().st_size
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if not file.name.endswith('-shm')}
    for file in tmp_path.glob('*-shm'):
        file.unlink()
    if not writable:
        tmp_path.chmod(0o555)
    try:
        assert len(list(open_source(path))) == 9
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.parametrize('share', [0.2, 0.5, 0.7, 0.9, 0.98])
def test_of_a_file_that_is_cut_off_what_is_left_plays(tmp_path: Path, share: float) -> None:
    count = 400
    path = tmp_path / 'a.db3'
    with sqlite3.connect(path) as database:
        write(database, images(count))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    said: list[str] = []
    frames = list(open_source(path, say=said.append))
    assert len(frames) > count * share * 0.7
    assert [frame.stamp for frame in frames] == sorted(frame.stamp for frame in frames)
    for frame in frames:
        assert np.array_equal(frame.image, pixels((frame.stamp - START) // PERIOD))
    assert len(said) == 1 and f'{len(frames)} messages of /image came' in said[0]
    assert f'cut off at byte {path.stat().st_size}' in said[0] and '.recover' in said[0]


@pytest.mark.parametrize('content', [b'', b'SQLite format 3\0', b'SQLite format 3\0' + bytes(5000)])
def test_a_file_of_nothing_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'a.db3'
    path.write_bytes(content)
    with pytest.raises(DataError, match=r'a\.db3: cannot be read as a rosbag2: ') as error:
        open_source(path)
    assert '\n' not in str(error.value)


def test_a_database_of_another_kind_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / 'a.db3'
    with sqlite3.connect(path) as database:
        database.execute('CREATE TABLE songs(name)')
    with pytest.raises(DataError, match=r'a\.db3: cannot be read as a rosbag2: no such table: topics'):
        open_source(path)


def test_rosbags_writes_what_is_read(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'drive', ROWS, StoragePlugin.SQLITE3)
    (bag / 'metadata.yaml').unlink()
    assert [frame.stamp for frame in open_source(bag)] == [row[2] for row in images(9)]


def test_a_file_that_says_nonsense_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / 'a.db3'
    with closing(sqlite3.connect(path)) as database, database:
        write(database, images(3))
    whole = path.read_bytes()
    for at in range(100, len(whole), 61):
        path.write_bytes(whole[:at] + b'\xff' * 64 + whole[at + 64 :])
        said: list[str] = []
        try:
            frames = list(open_source(path, say=said.append))
        except DataError as error:
            assert '\n' not in str(error)
        else:
            assert len(frames) == 3 or len(said) >= 1
