# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Rows in files: going on after the last whole one, and knowing what an earlier run left."""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from davss_ros.evaluate.bags.job import Camera, Span, Task
from davss_ros.evaluate.bags.plan import BagPlan
from davss_ros.evaluate.bags.rows import FrameRow, from_line, read_rows

ROWS = 'frames.jsonl'


def mend(path: Path) -> None:
    """Cut off a last line that was not written to its end."""
    if not path.is_file():
        return
    with path.open('rb+') as file:
        size = end = file.seek(0, 2)
        while end:
            start = max(0, end - 65536)
            file.seek(start)
            at = file.read(end - start).rfind(b'\n')
            if at >= 0:
                end = start + at + 1
                break
            end = start
        if end != size:
            file.truncate(end)


def append(file: FileIO, path: Path, line: bytes) -> None:
    """Write a line at once; `OSError` with the file's name if the disk is full."""
    try:
        written = file.write(line)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    if written != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def trim(path: Path, bag: str, keep: Callable[[FrameRow], bool]) -> None:
    """Cut off a file at the first row of a bag that is not to be kept."""
    mend(path)
    if not path.is_file():
        return
    end = 0
    with path.open('rb') as file:
        for line in file:
            row = from_line(line.decode(errors='replace'))
            if row.bag == bag and not keep(row):
                break
            end += len(line)
        else:
            return
    os.truncate(path, end)


@dataclass
class Earlier:
    """What an earlier run left of a bag, or of a part of it.

    Attributes:
        count: rows.
        forgetful: topics of cameras that a key frame makes forget what was before it.
        rows: topic -> number -> rows, of those from the last key frame on.
        steps: topic -> frames that were segmented before that key frame, since the first row.
    """

    forgetful: frozenset[str] = frozenset()
    count: int = 0
    rows: dict[str, dict[int, FrameRow]] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    _since: dict[str, int] = field(default_factory=dict)

    def add(self, row: FrameRow) -> None:
        """Take the next row."""
        self.count += 1
        if row.key and row.camera in self.forgetful:
            self.steps[row.camera] = self.steps.get(row.camera, 0) + self._since.get(row.camera, 0)
            self._since[row.camera] = 0
            self.rows[row.camera] = {}
        self._since[row.camera] = self._since.get(row.camera, 0) + (not row.skipped)
        self.rows.setdefault(row.camera, {})[row.n] = row

    def resumed(self, task: Task, plan: BagPlan, cameras: Sequence[Camera]) -> Task:
        """Return the task from the last key frames on."""
        spans = {
            camera.topic: self._span(camera.topic, task.spans[camera.topic], plan)
            if camera.forgets
            else task.spans[camera.topic]
            for camera in cameras
        }
        return Task(task.bag, spans, task.name)

    def _span(self, topic: str, span: Span, plan: BagPlan) -> Span:
        rows = self.rows.get(topic, {})
        key = next((n for n, row in rows.items() if row.key), None)
        if key is None:
            return span
        first = plan.numbers[topic].tolist().index(key)
        return Span(first, span.begin, span.end, span.steps + self.steps.get(topic, 0))


def earlier_rows(path: Path, bag: str, cameras: Sequence[Camera]) -> Earlier:
    """Return what a file holds of a bag with such cameras."""
    mend(path)
    found = Earlier(frozenset(camera.topic for camera in cameras if camera.forgets))
    for row in _of(path, bag):
        found.add(row)
    return found


def _of(path: Path, bag: str) -> Iterator[FrameRow]:
    return (row for row in read_rows(path) if row.bag == bag)
