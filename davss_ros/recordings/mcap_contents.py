# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What an mcap file holds and where: by its summary if that is whole, else by a walk from record to record."""

import struct
import zlib
from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from typing import BinaryIO

from davss_ros.recordings import mcap_records as mcap
from davss_ros.recordings.compression import LARGEST, decompress
from davss_ros.recordings.mcap_records import Channel, RecordError, Span

LARGEST_RECORD = 2**26  # bytes of a schema, a channel or an index; more is damage
BROKEN = (RecordError, struct.error, KeyError, OverflowError, ValueError)


@dataclass
class Chunk:
    """Where a chunk lies, and what it holds by channel."""

    offset: int
    start: int  # ns
    spans: dict[int, Span]


@dataclass
class Loose:
    """Messages of one channel outside of chunks: log times in ns, and where their records lie."""

    times: array = field(default_factory=lambda: array('Q'))
    offsets: array = field(default_factory=lambda: array('Q'))


@dataclass
class Contents:
    """What a file holds."""

    schemas: dict[int, str] = field(default_factory=dict)  # id -> type
    channels: dict[int, Channel] = field(default_factory=dict)
    chunks: list[Chunk] = field(default_factory=list)
    loose: defaultdict[int, Loose] = field(default_factory=lambda: defaultdict(Loose))
    spans: defaultdict[int, Span] = field(default_factory=lambda: defaultdict(Span))  # of the whole file
    damage: str = ''

    def define(self, opcode: int, body: memoryview) -> None:
        """Take in a schema or a channel."""
        if opcode == mcap.SCHEMA:
            number, name = mcap.schema(body)
            self.schemas[number] = name
        elif opcode == mcap.CHANNEL:
            key, channel = mcap.channel(body)
            self.channels[key] = channel


def read_contents(file: BinaryIO, size: int) -> Contents:
    """Return what a file of ``size`` bytes holds; of a damaged one, as much as can be found."""
    try:
        contents = _by_summary(file, size)
        damage = ''
    except BROKEN as error:
        contents, damage = None, f'its index is damaged ({error})'
    if contents is None:
        contents = _Walk(file, size).contents
        contents.damage = contents.damage or damage
    return contents


def read_chunk(file: BinaryIO, size: int, offset: int) -> tuple[memoryview, str]:
    """Return the records of the chunk at ``offset``, and what is wrong with it ('' if it is whole).

    Of one that is cut off, that is what came before; of one that is damaged otherwise, nothing can be trusted.
    """
    nothing = memoryview(b'')
    file.seek(offset + mcap.HEAD.size)
    try:
        head = mcap.chunk_head(memoryview(file.read(mcap.LONGEST_CHUNK_HEAD)))
    except BROKEN:
        return nothing, f'chunk at byte {offset} is damaged'
    file.seek(offset + mcap.HEAD.size + head.data_at)
    data = file.read(min(head.compressed, size))
    cut = len(data) < head.compressed
    made, wrong = decompress(head.compression, data, min(head.size, LARGEST))
    if cut and len(made) < head.size:
        return memoryview(made), f'cut off at byte {size}'
    if not wrong and len(made) != head.size:
        wrong = f'expected {head.size} bytes, found {len(made)}'
    if not wrong and head.checksum and zlib.crc32(made) != head.checksum:
        wrong = 'checksum differs'
    return (nothing, f'chunk at byte {offset}: {wrong}') if wrong else (memoryview(made), '')


def _by_summary(file: BinaryIO, size: int) -> Contents | None:
    """Return what the summary tells, or None if it tells too little; raises one of `BROKEN` if it is damaged."""
    contents, indexes, messages, chunks = Contents(), list[mcap.ChunkIndex](), None, None
    for opcode, body in mcap.records(_summary(file, size)):
        contents.define(opcode, body)
        if opcode == mcap.CHUNK_INDEX:
            indexes.append(mcap.chunk_index(body))
        elif opcode == mcap.STATISTICS:
            messages, _, _, _, _, chunks = struct.unpack_from('<QHIIII', body)
    if messages is None or chunks != len(indexes):
        return None
    earliest: dict[int, tuple[int, int]] = {}  # channel -> when its chunk starts, where its index lies
    latest: dict[int, tuple[int, int]] = {}
    for index in indexes:
        chunk = Chunk(index.offset, index.start, _counts(index))
        contents.chunks.append(chunk)
        for key, span in chunk.spans.items():
            contents.spans[key].count += span.count
            earliest[key] = min(earliest.get(key, (2**64, 0)), (index.start, index.indexes[key]))
            latest[key] = max(latest.get(key, (-1, 0)), (index.end, index.indexes[key]))
    found = sum(span.count for span in contents.spans.values())
    if found != messages or not contents.channels.keys() >= contents.spans.keys():
        return None  # messages without an index, or outside of chunks
    if not contents.schemas.keys() >= {contents.channels[key].schema for key in contents.spans}:
        return None  # which need not be repeated
    for key, span in contents.spans.items():
        for _, offset in {earliest[key], latest[key]}:
            _, part = mcap.message_index(_body(file, offset, size))
            span.add(part.first, part.last, 0)
    return contents


def _summary(file: BinaryIO, size: int) -> memoryview:
    """Return the records of the summary; none if there is no summary."""
    nothing = memoryview(b'')
    file.seek(max(size - mcap.FOOTER_SIZE, 0))
    end = file.read()
    if len(end) < mcap.FOOTER_SIZE or not end.endswith(mcap.MAGIC):
        return nothing  # cut off; the walk finds where
    opcode, length, start, _, checksum = struct.unpack_from('<BQQQI', end)
    if (opcode, length) != (mcap.FOOTER, 20):
        raise RecordError('no footer')
    if not start:
        return nothing
    if not len(mcap.MAGIC) < start <= size - mcap.FOOTER_SIZE:
        raise RecordError('it lies outside of the file')
    file.seek(start)
    summary = file.read(size - mcap.FOOTER_SIZE - start)
    if checksum and zlib.crc32(end[: mcap.HEAD.size + 16], zlib.crc32(summary)) != checksum:
        raise RecordError('checksum differs')
    return memoryview(summary)


def _counts(index: mcap.ChunkIndex) -> dict[int, Span]:
    """Return how many messages of each channel a chunk holds, by how long their indexes are."""
    offsets = sorted((offset, key) for key, offset in index.indexes.items())
    ends = [*(offset for offset, _ in offsets), index.indexes_end][1:]
    empty = mcap.HEAD.size + 6
    return {key: Span((end - offset - empty) // 16) for (offset, key), end in zip(offsets, ends, strict=True)}


def _body(file: BinaryIO, offset: int, size: int) -> memoryview:
    """Return the body of the record at ``offset``."""
    file.seek(offset)
    _, length = mcap.HEAD.unpack(file.read(mcap.HEAD.size))
    if length > min(size, LARGEST_RECORD):
        raise RecordError(f'a record of {length} bytes')
    return memoryview(file.read(length))


class _Walk:
    """Goes from record to record, reading of each no more than it must."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.contents = Contents()
        self._file, self._size = file, size
        self._indexes: dict[int, Span] = {}  # those after the last chunk
        try:
            self._records()
        except BROKEN as error:
            self.contents.damage = f'damaged at byte {file.tell()} ({error})'
        self._finish_chunk()

    def _records(self) -> None:
        at = len(mcap.MAGIC)
        while at < self._size:
            self._file.seek(at)
            head = self._file.read(mcap.HEAD.size)
            if len(head) < mcap.HEAD.size:
                break
            opcode, length = mcap.HEAD.unpack(head)
            whole = at + mcap.HEAD.size + length <= self._size
            if opcode == mcap.CHUNK:
                self._finish_chunk()
                start = self._file.read(8)
                if len(start) == 8:
                    self.contents.chunks.append(Chunk(at, struct.unpack('<Q', start)[0], {}))
            elif opcode in (mcap.DATA_END, mcap.FOOTER):
                return
            elif whole:
                self._record(at, opcode)
            if not whole:
                break
            at += mcap.HEAD.size + length
        self.contents.damage = f'cut off at byte {self._size}'

    def _record(self, at: int, opcode: int) -> None:
        contents = self.contents
        if opcode == mcap.MESSAGE:
            key, _, time, _ = mcap.MESSAGE_HEAD.unpack(self._file.read(mcap.MESSAGE_HEAD.size))
            contents.loose[key].times.append(time)
            contents.loose[key].offsets.append(at)
            contents.spans[key].add(time, time)
        elif opcode in (mcap.SCHEMA, mcap.CHANNEL):
            contents.define(opcode, _body(self._file, at, self._size))
        elif opcode == mcap.MESSAGE_INDEX:
            key, span = mcap.message_index(_body(self._file, at, self._size))
            self._indexes[key] = span
        elif opcode == 0:
            raise RecordError('no record')

    def _finish_chunk(self) -> None:
        """Find out what the last chunk holds: by the indexes after it, or if they do not tell, by what is in it."""
        contents, indexes = self.contents, self._indexes
        self._indexes = {}
        if not contents.chunks or contents.chunks[-1].spans:
            return
        chunk = contents.chunks[-1]
        chunk.spans = indexes
        cut = bool(contents.damage)  # after this chunk, perhaps before the last of its indexes
        if cut or not indexes or not contents.channels.keys() >= indexes.keys():
            chunk.spans = self._look_into(chunk.offset)
        for key, span in chunk.spans.items():
            contents.spans[key].add(span.first, span.last, span.count)

    def _look_into(self, offset: int) -> dict[int, Span]:
        spans: defaultdict[int, Span] = defaultdict(Span)
        data, wrong = read_chunk(self._file, self._size, offset)
        try:
            for opcode, body in mcap.records(data):
                self.contents.define(opcode, body)
                if opcode == mcap.MESSAGE:
                    key, _, time, _ = mcap.MESSAGE_HEAD.unpack_from(body)
                    spans[key].add(time, time)
        except BROKEN as error:
            wrong = wrong or f'chunk at byte {offset}: {error}'
        self.contents.damage = self.contents.damage or wrong  # of what holds nothing it is not said later
        return dict(spans)
