# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Messages of a sqlite3 storage file (.db3), as far as it is whole; nothing is written beside it.

Read are only the columns that every version of rosbag2 has.
"""

import shutil
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from davss_ros.errors import DataError
from davss_ros.recordings.storage import RawMessage, Topic, join_topics, type_name

MAGIC = b'SQLite format 3\0'
DAMAGED = (sqlite3.DatabaseError, MemoryError)  # what a file raises that says nonsense of itself
_MISSES = 1000  # rows in a row that cannot be found before the rest is given up
_BY_TIME = 'SELECT id FROM messages WHERE topic_id IN (%s) ORDER BY timestamp, id'
_BY_TOPIC = 'SELECT topic_id, count(*), min(timestamp), max(timestamp) FROM messages GROUP BY topic_id'


class SqliteFile:
    """An open storage file; see `davss_ros.recordings.storage.Storage`."""

    def __init__(self, database: sqlite3.Connection, name: str, damage: str = '') -> None:
        self._database = database
        self.damage = [damage] if damage else []
        self.remedy = f'sqlite3 {name} .recover | sqlite3 NEW.db3'
        rows = database.execute('SELECT id, name, type, serialization_format FROM topics').fetchall()
        self._topics = {
            key: Topic(str(topic), type_name(str(kind)), str(encoding), 0, 0, 0) for key, topic, kind, encoding in rows
        }
        try:
            for key, count, first, last in database.execute(_BY_TOPIC):
                if key in self._topics:
                    self._topics[key] = replace(self._topics[key], count=count, first=first, last=last)
        except DAMAGED as error:
            self._remember(error)
            self._count()

    @property
    def topics(self) -> tuple[Topic, ...]:
        """All topics; one that has messages of two types comes twice."""
        return join_topics(self._topics.values())

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        """Yield the messages of some topics by the time of reception."""
        keys = [key for key, topic in self._topics.items() if topic.name in topics]
        for row in self._rows(keys):
            found = self._row(row, 'topic_id, timestamp, data')
            if found is None or found[0] not in keys:
                continue
            key, received, data = found
            topic = self._topics[key]
            yield RawMessage(topic.name, topic.type, received, data if isinstance(data, bytes) else b'')

    def _rows(self, keys: list[int]) -> Iterator[int]:
        """Yield the numbers of rows by time; where the index is damaged, of all rows that can be there, as stored."""
        try:
            numbers = self._database.execute(_BY_TIME % ','.join('?' * len(keys)), keys).fetchall()
        except DAMAGED as error:
            self._remember(error)
            yield from self._all_rows()
            return
        for (number,) in numbers:
            yield number

    def _all_rows(self) -> Iterator[int]:
        number = misses = 0
        while misses < _MISSES:
            number += 1
            if self._row(number, 'topic_id') is None:
                misses += 1
            else:
                misses = 0
                yield number

    def _row(self, number: int, columns: str) -> tuple | None:
        try:
            return self._database.execute(f'SELECT {columns} FROM messages WHERE id = ?', (number,)).fetchone()
        except DAMAGED as error:
            self._remember(error)
            return None

    def _count(self) -> None:
        """Count one by one what a damaged file still gives."""
        for number in self._all_rows():
            found = self._row(number, 'topic_id, timestamp')
            if found and found[0] in self._topics:
                key, time = found
                topic = self._topics[key]
                self._topics[key] = topic.joined(replace(topic, count=1, first=time, last=time))

    def _remember(self, error: BaseException) -> None:
        wrong = str(error) or 'it asks for more memory than there is'
        if wrong not in self.damage:
            self.damage.append(wrong)


@contextmanager
def open_sqlite(path: Path) -> Iterator[SqliteFile]:
    """Open a storage file; `DataError` if it is none, or too damaged to tell its topics."""
    try:
        with _connected(path) as (database, damage):
            yield SqliteFile(database, str(path), damage)
    except DAMAGED as error:
        raise DataError(
            f'{path}: cannot be read as a rosbag2: {error}; '
            f'`sqlite3 {path} .recover | sqlite3 NEW.db3` saves what is whole'
        ) from error


@contextmanager
def _connected(path: Path) -> Iterator[tuple[sqlite3.Connection, str]]:
    """Connect for reading, without a lock or a file beside ``path``; with what is known to be wrong with it.

    A write-ahead log that a recorder left behind is read along. Two things take a copy: a journal, which means that a
    write was cut off and has to be undone, and a page cut off at the end, of which sqlite would make zeros.
    """
    log, journal = (path.with_name(path.name + ending) for ending in ('-wal', '-journal'))
    logged = log.is_file() and log.stat().st_size > 0
    whole, announced = (0, 0) if logged else _pages(path)
    size = path.stat().st_size
    damage = f'cut off at byte {size}' if size < announced else ''
    undo = journal.is_file() and journal.stat().st_size > 0
    with TemporaryDirectory(prefix='davss_bag_') as folder:
        if undo or (damage and whole < size):
            file = _copy(path, journal if undo else None, Path(folder), whole if damage else size)
            database = sqlite3.connect(file)
        else:
            how = 'vfs=unix-none' if logged else 'immutable=1'
            database = sqlite3.connect(f'file:{quote(str(path.absolute()))}?mode=ro&{how}', uri=True)
        with closing(database):
            database.execute('PRAGMA locking_mode=EXCLUSIVE')  # so that the log needs no shared memory beside it
            database.execute('PRAGMA writable_schema=ON')  # so that a file shorter than it says is read, not written
            yield database, damage


def _pages(path: Path) -> tuple[int, int]:
    """Return how many bytes the whole pages of a file have, and all that it says (sqlite.org/fileformat.html, 1.3)."""
    with path.open('rb') as file:
        head = file.read(100)
    page = int.from_bytes(head[16:18], 'big')
    page = 65536 if page == 1 else max(page, 1)
    return path.stat().st_size // page * page, int.from_bytes(head[28:32], 'big') * page


def _copy(path: Path, journal: Path | None, folder: Path, size: int) -> Path:
    """Copy ``size`` bytes of ``path``, and a journal."""
    try:
        with path.open('rb') as source, (folder / path.name).open('wb') as target:
            shutil.copyfileobj(source, target)
            target.truncate(size)
        if journal is not None:
            shutil.copyfile(journal, folder / journal.name)
    except OSError as error:
        raise DataError(
            f'{path}: a write to it was cut off, and the copy that it takes to read it cannot be made: '
            f'{error.strerror or error}; `sqlite3 {path} .recover | sqlite3 NEW.db3` saves what is whole'
        ) from error
    return folder / path.name
