# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Messages of a bag by their number within the topic: times without pictures, frames, other messages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from davss_ros.errors import DataError, FrameError
from davss_ros.evaluate.bags.timeline import Timeline
from davss_ros.images.bit_depth import BitDepth
from davss_ros.images.messages import decode, stamp_of
from davss_ros.images.pixels import has_16_bits
from davss_ros.recordings.bag import open_bag
from davss_ros.recordings.bag_files import find_files
from davss_ros.recordings.findings import Findings
from davss_ros.recordings.messages import Bag, deserialize
from davss_ros.recordings.storage import RawMessage

HEADER = 32  # bytes of a file that tell how many bits its pixels have


@dataclass(frozen=True)
class NumberedFrame:
    """A frame, or why there is none.

    Attributes:
        topic: where it came.
        n: number of its message in the topic, from 0.
        stamp: of the header, ns; 0 where it cannot be read.
        received: when it was recorded, ns.
        image: (H, W, 3) uint8 RGB.
        frame_id: of the header.
        encoding: of the message, or its format.
        problem: why there is no image.
    """

    topic: str
    n: int
    stamp: int
    received: int
    image: NDArray[np.uint8] | None = None
    frame_id: str = ''
    encoding: str = ''
    problem: str = ''


def topic_times(bag: Path, topic: str, findings: Findings | None = None) -> Timeline:
    """Return the times of all messages of a topic; a stamp that cannot be read is that of the message before.

    Raises:
        DataError: there is no such topic, or nothing of the bag can be read.
    """
    if topic not in {listed.name for listed in Bag(bag).topics}:
        raise DataError(f'{bag}: no topic {topic}')
    times: list[tuple[int, int]] = []
    for raw in Bag(bag).messages({topic}, findings):
        try:
            stamp = stamp_of(deserialize(raw))
        except (DataError, AttributeError):
            stamp = times[-1][0] if times else raw.received
        times.append((stamp, raw.received))
    array = np.array(times, np.int64).reshape(-1, 2)
    return Timeline(array[:, 0], array[:, 1])


def image_times(bag: Path, topic: str, findings: Findings) -> Timeline:
    """Return the times of an image topic; where those of reception make no sense the stamps take their place."""
    line = topic_times(bag, topic, findings)
    timed = open_bag(bag, topic, say=lambda _: None).timed
    return line if timed else Timeline(line.stamps, line.stamps)


def all_messages(bag: Path, topic: str) -> Iterator[Any]:
    """Yield the messages of a topic; None for one that cannot be read."""
    for raw in Bag(bag).messages({topic}):
        try:
            yield deserialize(raw)
        except DataError:
            yield None


def numbered_frames(
    bag: Path, topic: str, line: Timeline, numbers: NDArray[np.int64], places: range, depth: BitDepth | None = None
) -> Iterator[tuple[int, NumberedFrame]]:
    """Yield the frames that are asked for, with their places, in the order of ``numbers``.

    Args:
        bag: where it lies.
        topic: of the images.
        line: its times.
        numbers: (N,) of messages.
        places: which of ``numbers``.
        depth: of 16-bit pictures; it looks at those before the first place too, so that a part of a bag is decoded as
            within the whole.
    """
    depth = depth or BitDepth(say=lambda _: None)
    wanted = {int(numbers[place]): place for place in places}
    before = set(numbers[: places.start].tolist())
    early: dict[int, NumberedFrame] = {}
    due = places.start
    for n, raw in enumerate(Bag(bag).messages({topic})) if wanted else ():
        place = wanted.get(n)
        if place is None:
            if n in before:
                _decoded(topic, n, raw, 0, depth, wide_only=True)
            continue
        early[place] = _decoded(topic, n, raw, int(line.received[n]), depth)
        while due in early:
            yield due, early.pop(due)
            due += 1
        if due == places.stop:
            return


def _decoded(
    topic: str, n: int, raw: RawMessage, received: int, depth: BitDepth, *, wide_only: bool = False
) -> NumberedFrame:
    try:
        message = deserialize(raw)
        stamp, header = stamp_of(message), message.header
        encoding = getattr(message, 'encoding', '') or message.format
    except (DataError, AttributeError) as error:
        return NumberedFrame(topic, n, 0, received, problem=str(error))
    if wide_only and not _is_wide(message, encoding):
        return NumberedFrame(topic, n, stamp, received)
    try:
        image = decode(message, depth)
    except FrameError as error:
        return NumberedFrame(topic, n, stamp, received, None, header.frame_id, encoding, str(error))
    return NumberedFrame(topic, n, stamp, received, image, header.frame_id, encoding)


def _is_wide(message: Any, encoding: str) -> bool:
    """Return whether a picture may have 16 bits; a compressed one need not say so in its format."""
    return '16' in encoding or (hasattr(message, 'format') and has_16_bits(bytes(message.data[:HEADER])))


def storage_files(bag: Path) -> Sequence[Path]:
    """Return the files that hold a bag's messages."""
    return find_files(bag).files
