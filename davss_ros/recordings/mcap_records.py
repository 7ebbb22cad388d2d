# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The records of an mcap file that say where messages lie (specification: https://mcap.dev/spec)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

MAGIC = b'\x89MCAP0\r\n'
FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, CHUNK_INDEX = 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08
STATISTICS, DATA_END = 0x0B, 0x0F
HEAD = struct.Struct('<BQ')  # opcode, length
MESSAGE_HEAD = struct.Struct('<HIQQ')  # channel, sequence, log time, publish time
LONGEST_CHUNK_HEAD = 28 + 4 + 32 + 8
FOOTER_SIZE = HEAD.size + 20 + len(MAGIC)


class RecordError(Exception):
    """A record does not fit together."""


class Channel(NamedTuple):
    """What messages of one kind have in common."""

    schema: int
    topic: str
    encoding: str


@dataclass
class Span:
    """Messages of one channel: how many, and their first and last log time in ns."""

    count: int = 0
    first: int = 2**64
    last: int = 0

    def add(self, first: int, last: int, count: int = 1) -> None:
        """Count messages."""
        self.count += count
        self.first, self.last = min(self.first, first), max(self.last, last)


class ChunkHead(NamedTuple):
    """What stands before the data of a chunk."""

    start: int  # ns, first log time
    size: int  # bytes, uncompressed
    checksum: int  # of those; 0 if there is none
    compression: str
    compressed: int  # bytes
    data_at: int  # bytes from the start of the record's body


class ChunkIndex(NamedTuple):
    """Where a chunk and the indexes of its messages lie in the file."""

    start: int  # ns
    end: int
    offset: int
    indexes: dict[int, int]  # channel -> offset of its index
    indexes_end: int


def records(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield opcode and body of the records in ``data``; `RecordError` where one reaches beyond the end."""
    at = 0
    while at < len(data):
        if at + HEAD.size > len(data):
            raise RecordError('a record is cut off')
        opcode, length = HEAD.unpack_from(data, at)
        at += HEAD.size
        if length > len(data) - at:
            raise RecordError('a record reaches beyond the end')
        yield opcode, data[at : at + length]
        at += length


def text(data: memoryview, at: int) -> tuple[str, int]:
    """Return the text at ``at`` and where it ends."""
    (length,) = struct.unpack_from('<I', data, at)
    end = at + 4 + length
    if end > len(data):
        raise RecordError('a text reaches beyond the end')
    return bytes(data[at + 4 : end]).decode(errors='replace'), end


def schema(body: memoryview) -> tuple[int, str]:
    """Return id and name of a schema; the definition itself is never looked at."""
    return struct.unpack_from('<H', body)[0], text(body, 2)[0]


def channel(body: memoryview) -> tuple[int, Channel]:
    """Return id and contents of a channel."""
    number, schema_id = struct.unpack_from('<HH', body)
    topic, at = text(body, 4)
    return number, Channel(schema_id, topic, text(body, at)[0])


def chunk_head(body: memoryview) -> ChunkHead:
    """Return what stands before the data of a chunk."""
    start, _, size, checksum = struct.unpack_from('<QQQI', body)
    compression, at = text(body, 28)
    return ChunkHead(start, size, checksum, compression, struct.unpack_from('<Q', body, at)[0], at + 8)


def chunk_index(body: memoryview) -> ChunkIndex:
    """Return the index of one chunk."""
    start, end, offset, length, size = struct.unpack_from('<QQQQI', body)
    if 36 + size > len(body):
        raise RecordError('an index reaches beyond the end')
    indexes = dict(struct.iter_unpack('<HQ', body[36 : 36 + size]))
    (indexes_size,) = struct.unpack_from('<Q', body, 36 + size)
    return ChunkIndex(start, end, offset, indexes, offset + length + indexes_size)


def message_index(body: memoryview) -> tuple[int, Span]:
    """Return a channel and the span of its messages."""
    number, size = struct.unpack_from('<HI', body)
    times = [time for time, _ in struct.iter_unpack('<QQ', body[6 : 6 + size])]
    span = Span()
    if times:
        span.add(min(times), max(times), len(times))
    return number, span
