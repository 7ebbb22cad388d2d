# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Records what the node publishes, for the demo: a video, a contact sheet, counts.

Frames are kept until the end, as encoding them would take cores from the node; of long videos the oldest are encoded
meanwhile.
"""

from collections import deque
from functools import partial
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from davss_ros.errors import DataError
from davss_ros.images.messages import decode, stamp_of

QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=50, reliability=ReliabilityPolicy.RELIABLE)
PARTS = ('image', 'davss/overlay', 'davss/distortion_color')  # side by side, in this order
UNMATCHED = 100  # frames kept while their parts arrive
SHEET_ROWS, SHEET_WIDTH = 6, 1440  # px
TITLES = ('camera', 'overlay', 'distortion (black: trusted; key frames are)')
LONGEST = 10.0  # s that a frame is shown at most, whatever the stamps say
KEPT = 2**29  # bytes of frames that are not encoded yet

Parts = dict[str, NDArray[np.uint8]]


class Recorder(Node):
    """Collects the camera image and the node's outputs that belong to the same stamp.

    Args:
        folder: where ``overlay.mp4`` and ``contact_sheet.png`` go.
        rate: frames per second of the video.
        expected: how many frames are to come, to spread the contact sheet's rows.
    """

    def __init__(self, folder: Path, rate: float, expected: int) -> None:
        super().__init__('davss_demo')
        self._folder, self._rate = folder, rate
        self._sheet_at = [(row + 0.7) * expected / SHEET_ROWS for row in range(SHEET_ROWS)]  # frames of the source
        self._first_stamp: int | None = None
        self._parts: dict[int, Parts] = {}  # of frames whose other parts are to come
        self._whole: deque[tuple[int, Parts]] = deque()  # that are not encoded yet
        self._kept = 0  # bytes of those
        self._writer: cv2.VideoWriter | None = None
        self._next = 0  # number of the frame that comes next if none is dropped
        self._rows: list[NDArray[np.uint8]] = []
        self._last: NDArray[np.uint8] | None = None
        self.labelled: list[float] = []  # when each label image came, s
        self.key_values: dict[str, str] = {}  # of the last diagnostics
        for topic in PARTS:
            self.create_subscription(Image, topic, partial(self._take, topic), QOS)
        self.create_subscription(Image, 'davss/label', self._count, QOS)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._diagnose, 10)

    def __enter__(self) -> 'Recorder':
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the files."""
        self._write_down_to(0)
        if self._writer is not None:
            self._writer.release()
        if self._last is not None and not self._rows:
            self._show(self._last)
        if self._rows:
            cv2.imwrite(str(self._folder / 'contact_sheet.png'), np.vstack([_titles(), *self._rows])[..., ::-1])
        self.destroy_node()

    def _count(self, _: Image) -> None:
        self.labelled.append(self.get_clock().now().nanoseconds / 1e9)

    def _diagnose(self, message: DiagnosticArray) -> None:
        self.key_values = {pair.key: pair.value for status in message.status for pair in status.values}

    def _take(self, topic: str, message: Image) -> None:
        stamp = stamp_of(message)
        parts = self._parts.setdefault(stamp, {})
        parts[topic] = decode(message)
        if len(parts) == len(PARTS):
            self._whole.append((stamp, self._parts.pop(stamp)))
            self._kept += _size(parts)
            self._write_down_to(KEPT)
        while len(self._parts) > UNMATCHED:
            del self._parts[next(iter(self._parts))]

    def _write_down_to(self, size: int) -> None:
        """Encode frames, the oldest first, until no more than ``size`` bytes of them are left."""
        while self._whole and self._kept > size:
            stamp, parts = self._whole.popleft()
            self._kept -= _size(parts)
            self._write(stamp, np.hstack([parts[part] for part in PARTS]))

    def _write(self, stamp: int, row: NDArray[np.uint8]) -> None:
        if self._last is not None and row.shape != self._last.shape:  # a video has one size
            row = cv2.resize(row, self._last.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        height, width = row.shape[:2]
        if self._writer is None:
            code = cv2.VideoWriter.fourcc(*'mp4v')
            self._writer = cv2.VideoWriter(str(self._folder / 'overlay.mp4'), code, self._rate, (width, height))
            if not self._writer.isOpened():
                raise DataError(f'{self._folder / "overlay.mp4"}: cannot be written, as {width}x{height} px in mp4v')
        self._first_stamp = stamp if self._first_stamp is None else self._first_stamp
        number = (stamp - self._first_stamp) / 1e9 * self._rate  # dropped frames count too
        if self._last is not None:  # and are seen as the one before them
            for _ in range(min(round(number) - self._next, int(LONGEST * self._rate))):
                self._writer.write(cv2.cvtColor(self._last, cv2.COLOR_RGB2BGR))
        self._writer.write(cv2.cvtColor(row, cv2.COLOR_RGB2BGR))
        self._next = max(self._next, round(number)) + 1
        if self._sheet_at and number >= self._sheet_at[0]:
            self._sheet_at = [at for at in self._sheet_at if at > number]
            self._show(row)
        self._last = row

    def _show(self, row: NDArray[np.uint8]) -> None:
        """Put a row on the contact sheet."""
        height, width = row.shape[:2]
        small = cv2.resize(row, (SHEET_WIDTH, round(SHEET_WIDTH * height / width)), interpolation=cv2.INTER_AREA)
        self._rows.append(small.astype(np.uint8, copy=False))


def _titles() -> NDArray[np.uint8]:
    """Return the top of the contact sheet."""
    top: NDArray[np.uint8] = np.full((32, SHEET_WIDTH, 3), 255, np.uint8)
    for number, title in enumerate(TITLES):
        place = number * SHEET_WIDTH // len(TITLES) + 8, 22
        cv2.putText(top, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
    return top


def _size(parts: Parts) -> int:
    return sum(part.nbytes for part in parts.values())
