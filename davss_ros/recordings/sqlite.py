"""Messages of a sqlite3 storage file (.db3), as far as it is whole; nothing is written beside it.

Read are only the columns that every version of rosbag2 has.
"""

import shutil
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from davss_ros.errors import DataError
from davss_ros.recordings.storage import RawMessage, Topic, join_topics, type_name

MAGIC = b'SQLite format 3\0'
_MISSES = 1000  # rows in a row that cannot be found before the rest is given up
_BY_TIME = 'SELECT id FROM messages WHERE topic_id IN (%s) ORDER BY timestamp, id'
_BY_TOPIC = 'SELECT topic_id, count(*), min(timestamp), max(timestamp) FROM messages GROUP BY topic_id'


class SqliteFile:
    """An open storage file; see `davss_ros.recordings.storage.Storage`."""

    def __init__(self, database: sqlite3.Connection, name: str) -> None:
        self._database = database
        self.damage: list[str] = []
        self.remedy = f'sqlite3 {name} .recover | sqlite3 NEW.db3'
        rows = database.execute('SELECT id, name, type, serialization_format FROM topics').fetchall()
        self._topics = {
            key: Topic(str(topic), type_name(str(kind)), str(encoding), 0, 0, 0) for key, topic, kind, encoding in rows
        }
        try:
            for key, count, first, last in database.execute(_BY_TOPIC):
                if key in self._topics:
                    self._topics[key] = replace(self._topics[key], count=count, first=first, last=last)
        except sqlite3.DatabaseError as error:
            self._remember(str(error))
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
        except sqlite3.DatabaseError as error:
            self._remember(str(error))
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
        except sqlite3.DatabaseError as error:
            self._remember(str(error))
            return None

    def _count(self) -> None:
        """Count one by one what a damaged file still gives."""
        for number in self._all_rows():
            found = self._row(number, 'topic_id, timestamp')
            if found and found[0] in self._topics:
                key, time = found
                one = self._topics[key]
                self._topics[key] = one.joined(replace(one, count=1, first=time, last=time))

    def _remember(self, wrong: str) -> None:
        if wrong not in self.damage:
            self.damage.append(wrong)


@contextmanager
def open_sqlite(path: Path) -> Iterator[SqliteFile]:
    """Open a storage file; `DataError` if it is none, or too damaged to tell its topics."""
    try:
        with _connected(path) as database:
            yield SqliteFile(database, str(path))
    except sqlite3.DatabaseError as error:
        raise DataError(
            f'{path}: cannot be read as a rosbag2: {error}; '
            f'`sqlite3 {path} .recover | sqlite3 NEW.db3` saves what is whole'
        ) from error


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    """Connect for reading, without a lock or a file beside ``path``.

    A write-ahead log that a recorder left behind is read along. A journal means that a write was cut off, which can
    only be undone in a copy.
    """
    journal = path.with_name(path.name + '-journal')
    if journal.is_file() and journal.stat().st_size:
        with TemporaryDirectory() as folder, closing(_undone(path, journal, Path(folder))) as database:
            yield database
        return
    log = path.with_name(path.name + '-wal')
    how = 'vfs=unix-none' if log.is_file() and log.stat().st_size else 'immutable=1'
    with closing(sqlite3.connect(f'file:{quote(str(path.absolute()))}?mode=ro&{how}', uri=True)) as database:
        database.execute('PRAGMA locking_mode=EXCLUSIVE')  # so that the log needs no shared memory beside it
        yield database


def _undone(path: Path, journal: Path, folder: Path) -> sqlite3.Connection:
    try:
        for file in (path, journal):
            shutil.copyfile(file, folder / file.name)
    except OSError as error:
        raise DataError(
            f'{path}: a write was cut off ({journal.name}); no room for the copy it takes to undo it ({error}); '
            f'`sqlite3 {path} "PRAGMA integrity_check"` undoes it in place'
        ) from error
    database = sqlite3.connect(folder / path.name)
    with suppress(sqlite3.DatabaseError):
        database.execute('PRAGMA locking_mode=EXCLUSIVE')
    return database
