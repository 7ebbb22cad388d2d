# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A camera's camera_info beside its labels: that of the same stamp, scaled to the label's size."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from davss_ros.ros.camera_info import aspect_differs, scaled

SPARE = 100  # messages kept beside those of the frames that wait: of frames dropped, or still being segmented

_Stamp = tuple[int, int]


class Calibration:
    """Keeps camera_info by stamp and publishes it under the header of a frame.

    A frame whose own is not there takes the last that came, which is counted. Messages are taken in the executor's
    thread, frames come in the worker's.

    Args:
        publisher: of the topic beside the labels.
        warn: called once, with a line, if the calibration's aspect ratio is not the image's.
    """

    def __init__(self, publisher: Publisher, warn: Callable[[str], None]) -> None:
        self.publisher = publisher
        self.unpaired = 0  # frames that took another one's
        self._warn, self._warned = warn, False
        self._lock = Lock()
        self._kept: OrderedDict[_Stamp, CameraInfo] = OrderedDict()
        self._limit = SPARE
        self._last: CameraInfo | None = None
        self._pending: tuple[Header, int, int] | None = None

    def resize(self, waiting: int) -> None:
        """Keep enough for so many frames that wait."""
        self._limit = waiting + SPARE

    def forget(self) -> None:
        """Wait no longer for that of a frame."""
        with self._lock:
            self._pending = None

    def take(self, info: CameraInfo) -> None:
        """Keep a message, and publish it if a frame waits for it alone."""
        stamp = _stamp(info.header)
        with self._lock:
            self._last = self._kept[stamp] = info
            self._kept.move_to_end(stamp)
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)
            pending = self._pending
            if pending is None or _stamp(pending[0]) != stamp:
                return
            self._pending = None
        self._send(info, *pending)

    def publish(self, header: Header, height: int, width: int) -> None:
        """Publish that of a frame of such size whose labels are ready, if anybody listens."""
        if self.publisher.get_subscription_count():
            with self._lock:
                pending, self._pending = self._pending, None
            for frame in filter(None, (pending, (header, height, width))):
                self._send_own_or_last(*frame)

    def publish_soon(self, header: Header, height: int, width: int) -> None:
        """Publish that of a frame which has only just come: its own may be on the way; the next frame ends the wait."""
        if not self.publisher.get_subscription_count():
            return
        with self._lock:
            pending, self._pending = self._pending, None
            streams = len(self._kept) > 1  # and is not one for all frames, as a latched one
            if streams and _stamp(header) not in self._kept:
                self._pending = (header, height, width)
            now = self._pending is None
        for frame in filter(None, (pending, (header, height, width) if now else None)):
            self._send_own_or_last(*frame)

    def _send_own_or_last(self, header: Header, height: int, width: int) -> None:
        with self._lock:
            own = self._kept.get(_stamp(header))
            info = own or self._last
            self.unpaired += info is not None and own is None
        if info is not None:
            self._send(info, header, height, width)

    def _send(self, info: CameraInfo, header: Header, height: int, width: int) -> None:
        if not self._warned and aspect_differs(info, width, height):
            self._warned = True
            self._warn(
                f'camera_info is for {info.width}x{info.height} px, the image has {width}x{height}: not the same '
                'aspect ratio, so one of them is cropped or stretched'
            )
        self.publisher.publish(scaled(info, width, height, header))


def _stamp(header: Header) -> _Stamp:
    return header.stamp.sec, header.stamp.nanosec
