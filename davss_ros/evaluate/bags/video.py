# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``--video``: overlay and distortion map side by side as mp4, at the times of the recording."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import SemanticClass
from davss_ros.core.visualize import Painter
from davss_ros.errors import ConfigError
from davss_ros.evaluate.bags.record import Times, times_of
from davss_ros.recordings.messages import Bag, deserialize

TIME_BASE = 90_000  # ticks a second, as usual
LONGEST_PAUSE = 5.0  # s; longer pauses of a recording are shown as long
Image = NDArray[np.uint8]


def write_video(recording: Path, topic: str, path: Path, classes: Sequence[SemanticClass]) -> int:
    """Write the overlay and the distortion map of a recorded camera; return the number of frames.

    Args:
        recording: as `davss_ros.evaluate.bags.record` wrote it.
        topic: of the overlay; that of the distortion map lies beside it.
        path: of the mp4.
        classes: for the colours.

    Raises:
        ConfigError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise ConfigError("--video needs the package av: pip install 'davss_ros[bags]'") from error
    painter, count, due, last = Painter(classes), 0, 0, None
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', options={'crf': '20', 'preset': 'veryfast'})
        stream.pix_fmt = 'yuv420p'
        stream.time_base = stream.codec_context.time_base = Fraction(1, TIME_BASE)
        for received, overlay, distortion in _pairs(recording, topic):
            picture = np.hstack([overlay, painter.heat(distortion)])
            height, width = (side // 2 * 2 for side in picture.shape[:2])
            if not count:
                stream.height, stream.width = height, width
            elif (height, width) != (stream.height, stream.width):
                picture = cv2.resize(picture, (stream.width, stream.height)).astype(np.uint8)
            if last is not None:
                due += max(1, round(min(max(received - last, 0) / 1e9, LONGEST_PAUSE) * TIME_BASE))
            last, count = received, count + 1
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(picture[: stream.height, : stream.width]), format='rgb24'
            )
            frame.pts, frame.time_base = due, stream.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return count


def _pairs(recording: Path, topic: str) -> Iterator[tuple[int, Image, NDArray[np.float32]]]:
    beside = topic.rpartition('/')[0] + '/distortion'
    waiting: dict[Times, NDArray[np.float32]] = {}
    for raw in Bag(recording).messages({topic, beside}):
        message, times = deserialize(raw), times_of(raw)
        if raw.topic == beside:
            waiting = {other: distortion for other, distortion in waiting.items() if other[0] == raw.received}
            waiting[times] = np.frombuffer(message.data, np.float32).reshape(message.height, message.width)
        elif times in waiting:
            overlay = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
            yield raw.received, overlay, waiting.pop(times)
