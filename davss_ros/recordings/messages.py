# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Messages of a bag, of whatever topics, by the time of reception."""

from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from davss_ros.errors import DataError
from davss_ros.recordings.bag_files import find_files, open_storage
from davss_ros.recordings.compression import ZSTD_MAGIC, decompress
from davss_ros.recordings.findings import Findings
from davss_ros.recordings.storage import RawMessage, Topic, join_topics

CDR = 'cdr'


class Bag:
    """A rosbag2: a folder with or without metadata.yaml, or one .mcap or .db3 file; compressed or not.

    Nothing of a message is parsed before `deserialize` is called, so topics of foreign or broken types do no harm.

    Args:
        path: of the bag.

    Attributes:
        topics: what it holds, in order of names.

    Raises:
        DataError: nothing of it can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        found = find_files(path)
        self._counts, self._problems = found.counts, list(found.problems)
        self._files: list[Path] = []
        topics: list[Topic] = []
        for file in found.files:
            try:
                with open_storage(file) as storage:
                    topics += storage.topics
                    self._files.append(file)
            except DataError as error:
                if len(found.files) == 1:
                    raise
                self._problems.append(str(error))
        if not self._files:
            raise DataError('; '.join(self._problems))
        self.topics = join_topics(topics)

    def messages(self, topics: Collection[str], findings: Findings | None = None) -> Iterator[RawMessage]:
        """Yield the messages of some topics, by the time of reception within each file.

        Args:
            topics: names.
            findings: takes, at the end, how many messages did not come, why, and the way out.
        """
        came = dict.fromkeys(topics, 0)
        problems, remedies = list(self._problems), list[str]()
        for file in self._files:
            with open_storage(file) as storage:
                for message in storage.messages(topics):
                    came[message.topic] += 1
                    yield message._replace(data=_unpacked(message.data))
                if storage.damage:
                    place = '' if file == self.path else f'{file.name}: '
                    problems.append(place + storage.damage[0])
                    remedies.append(f'`{storage.remedy}` makes a whole file of what is left')
        if findings is not None:
            for line in self._losses(came, problems, remedies):
                findings.remark(line)

    def _losses(self, came: dict[str, int], problems: list[str], remedies: list[str]) -> Iterator[str]:
        listed = {topic.name: 0 for topic in self.topics}
        for topic in self.topics:
            listed[topic.name] += topic.count
        expected = {name: max(self._counts.get(name, 0), listed.get(name, 0)) for name in came}
        lost = any(came[name] < expected[name] for name in came)
        counts = [f'{came[name]}{f" of {expected[name]}" if lost else ""} messages of {name} came' for name in came]
        if lost or problems:
            yield '; '.join([*problems, *counts, *remedies])


def deserialize(message: RawMessage) -> Any:
    """Return the message as an object with the fields of its type, by the definitions of ROS 2 itself.

    Raises:
        DataError: it is damaged, or its type is not one that comes with ROS 2.
    """
    store = _store()
    if message.type not in store.fielddefs:
        raise DataError(f'{message.topic}: expected a type that comes with ROS 2, found {message.type!r}')
    try:
        return store.deserialize_cdr(message.data, message.type)
    except Exception as error:  # what rosbags raises differs by version and by what is wrong
        raise DataError(f'broken message of {len(message.data)} bytes: {error}') from error


@lru_cache(maxsize=1)
def _store() -> Any:
    try:
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise DataError(
            "bags need the package rosbags: pip install 'davss_ros[bags]', or pip install rosbags"
        ) from error
    return get_typestore(Stores.ROS2_JAZZY)


def _unpacked(data: bytes) -> bytes:
    """Return a message that was compressed alone as it was before; no other starts as zstd does."""
    return decompress('zstd', data)[0] if data.startswith(ZSTD_MAGIC) else data
