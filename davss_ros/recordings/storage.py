# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What every storage file of a bag gives, whatever its format; messages are bytes, nothing of them is parsed."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol


@dataclass(frozen=True)
class Topic:
    """One topic of a bag, or of one of its files."""

    name: str
    type: str  # with /msg/, as sensor_msgs/msg/Image, however old the bag
    encoding: str  # of its messages: cdr in ROS 2
    count: int  # messages
    first: int  # ns, when the first message was received; 0 without messages
    last: int  # ns

    def joined(self, other: 'Topic') -> 'Topic':
        """Return what both are together."""
        parts = [part for part in (self, other) if part.count] or [self]
        first, last = min(part.first for part in parts), max(part.last for part in parts)
        return replace(self, count=self.count + other.count, first=first, last=last)


class RawMessage(NamedTuple):
    """One message as it was recorded."""

    topic: str
    type: str  # as `Topic.type`
    received: int  # ns
    data: bytes


class Storage(Protocol):
    """One open file. What is damaged is left out."""

    damage: list[str]  # what was found to be wrong so far, most of it while messages are read; a line each
    remedy: str  # a command that makes a whole file of it

    @property
    def topics(self) -> tuple[Topic, ...]:
        """All topics; one that has messages of two types comes twice."""
        ...

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        """Yield the messages of some topics by the time of reception."""
        ...


def type_name(recorded: str) -> str:
    """Return the name of a type as it is today: ``sensor_msgs/Image`` is ``sensor_msgs/msg/Image``."""
    package, slash, name = recorded.partition('/')
    return f'{package}/msg/{name}' if slash and '/' not in name else recorded


def join_topics(topics: Iterable[Topic]) -> tuple[Topic, ...]:
    """Return every topic of a name and type once, in order of names."""
    joined: dict[tuple[str, str], Topic] = {}
    for topic in topics:
        key = topic.name, topic.type
        joined[key] = joined[key].joined(topic) if key in joined else topic
    return tuple(joined[key] for key in sorted(joined))
