# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Messages of an mcap file, as far as it is whole.

The well-kept readers stop at the first thing that is wrong, and parse every schema; this one does neither. Memory holds
one chunk (of chunks that overlap in time, all of those), and 16 bytes for each message outside of chunks.
"""

import heapq
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from davss_ros.errors import DataError
from davss_ros.recordings import mcap_records as mcap
from davss_ros.recordings.mcap_contents import BROKEN, Contents, read_chunk, read_contents
from davss_ros.recordings.storage import RawMessage, Topic, join_topics, type_name

LATEST = 2**63 - 1  # ns; mcap has room for more, ROS has not
_Entry = tuple[int, int, int, int, bytes]  # log time, place of its stream, number in it, channel, message


class McapFile:
    """An open mcap file; see `davss_ros.recordings.storage.Storage`."""

    def __init__(self, file: BinaryIO, size: int, name: str) -> None:
        self._file, self._size = file, size
        self._contents: Contents = read_contents(file, size)
        self.damage = [self._contents.damage] if self._contents.damage else []
        self.remedy = f'mcap recover {name}'

    @property
    def topics(self) -> tuple[Topic, ...]:
        """All topics; one that has messages of two types comes twice."""
        contents, topics = self._contents, []
        for key, channel in contents.channels.items():
            kind = type_name(contents.schemas.get(channel.schema, ''))
            span = contents.spans.get(key)
            times = (span.count, span.first, span.last) if span and span.count else (0, 0, 0)
            topics.append(Topic(channel.topic, kind, channel.encoding, *times))
        return join_topics(topics)

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        """Yield the messages of some topics by the time of reception."""
        contents = self._contents
        keys = {key for key, channel in contents.channels.items() if channel.topic in topics}
        streams = [
            self._chunk_stream(place, chunk.offset, chunk.start, keys)
            for place, chunk in enumerate(contents.chunks)
            if not keys.isdisjoint(chunk.spans)
        ]
        streams += [self._loose_stream(len(contents.chunks) + key, key) for key in keys & contents.loose.keys()]
        for time, _, number, key, data in heapq.merge(*streams):
            if number >= 0:
                channel = contents.channels[key]
                kind = type_name(contents.schemas.get(channel.schema, ''))
                yield RawMessage(channel.topic, kind, min(time, LATEST), data)

    def _chunk_stream(self, place: int, offset: int, start: int, keys: Collection[int]) -> Iterator[_Entry]:
        yield start, place, -1, 0, b''  # so that the chunk is read only when its time has come
        data, wrong = read_chunk(self._file, self._size, offset)
        found: list[_Entry] = []
        try:
            for opcode, body in mcap.records(data):
                if opcode == mcap.MESSAGE:
                    key, _, time, _ = mcap.MESSAGE_HEAD.unpack_from(body)
                    if key in keys:
                        found.append((time, place, len(found), key, bytes(body[mcap.MESSAGE_HEAD.size :])))
        except BROKEN as error:
            wrong = wrong or f'chunk at byte {offset}: {error}'
        self._remember(wrong)
        yield from sorted(found)

    def _loose_stream(self, place: int, key: int) -> Iterator[_Entry]:
        loose = self._contents.loose[key]
        times = np.frombuffer(loose.times, np.uint64)
        for number, at in enumerate(np.argsort(times, kind='stable')):
            self._file.seek(loose.offsets[at])
            _, length = mcap.HEAD.unpack(self._file.read(mcap.HEAD.size))
            body = self._file.read(length)
            yield int(times[at]), place, number, key, body[mcap.MESSAGE_HEAD.size :]

    def _remember(self, wrong: str) -> None:
        if wrong and wrong not in self.damage:
            self.damage.append(wrong)


@contextmanager
def open_mcap(path: Path) -> Iterator[McapFile]:
    """Open an mcap file; `DataError` if it is none, or damaged from its start."""
    with path.open('rb') as file:
        if file.read(len(mcap.MAGIC)) != mcap.MAGIC:
            raise DataError(f'{path}: expected an mcap file, found another start')
        try:
            yield McapFile(file, path.stat().st_size, str(path))
        except struct.error as error:
            raise DataError(f'{path}: damaged: {error}; `mcap recover {path}` makes a whole file of it') from error
