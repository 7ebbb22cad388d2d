# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""One camera of the node: its subscriptions, queue, segmenter, outputs and counts."""

import time
from dataclasses import dataclass
from threading import Condition
from typing import Any

from numpy import uint8
from numpy.typing import NDArray
from rclpy.node import Node

from davss_ros.core.frames import check_frame
from davss_ros.core.parameters import CameraConfig
from davss_ros.core.result import FrameResult
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.errors import FrameError
from davss_ros.images.bit_depth import BitDepth
from davss_ros.images.header import declared_size
from davss_ros.images.messages import decode, stamp_of
from davss_ros.ros.mailbox import Mailbox
from davss_ros.ros.outputs import Outputs
from davss_ros.ros.statistics import Statistics
from davss_ros.ros.subscription import ImageSubscription

LOG_PERIOD = 1.0  # s between complaints of one camera


@dataclass(frozen=True)
class Job:
    """A decoded frame on its way."""

    camera: 'Camera'
    image: NDArray[uint8]
    stamp: int  # ns
    header: Any
    received: float  # monotonic, s


class Camera:
    """Queues the frames of one topic and publishes what became of them.

    Callbacks come in the executor's thread; `take`, `finish` and `complain` are the worker's.

    Args:
        node: subscribes and logs.
        name: of the camera; '' if it is the only one.
        config: its settings.
        segmenter: its own.
        outputs: its publishers.
        changed: notified of every frame that comes.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        config: CameraConfig,
        segmenter: VideoSegmenter,
        outputs: Outputs,
        changed: Condition,
    ) -> None:
        self.name, self.segmenter, self.outputs = name, segmenter, outputs
        self.statistics = Statistics()
        self._enabled = True
        self._node = node
        self._mailbox: Mailbox[tuple[Any, float]] = Mailbox(1, drop_old=True, changed=changed)
        self._resize(config)
        self._encoding = ''
        self._forced = ''
        self._last_complaint = float('-inf')
        self._depth = BitDepth(config.node.bit_depth, name, node.get_logger().info)
        prefix = f'{name}/' if name else ''
        self._subscription = ImageSubscription(
            node, prefix + 'image', config.node.image_transport, config.node.reliability, self._receive, self._lose
        )
        self.topic = self._subscription.topic

    def activate(self) -> None:
        """Listen to the camera; the first frame is a key frame."""
        self.statistics.activate()
        self.force_key('activated')
        self._subscription.open(self.outputs.calibration.take)

    def deactivate(self) -> None:
        """Listen no longer; what waits is counted as inactive."""
        self._subscription.close()
        self.outputs.calibration.forget()
        self.statistics.leave('inactive', count=self._mailbox.clear())

    def destroy(self) -> None:
        """Take down everything."""
        self.deactivate()
        self.outputs.destroy()

    def enable(self, wanted: bool) -> None:
        """Serve frames or, counting them, let them pass; the first one served again is a key frame."""
        if wanted and not self._enabled:
            self.force_key('enabled')
        self._enabled = wanted
        if not wanted:
            self.outputs.calibration.forget()
            self.statistics.leave('disabled', count=self._mailbox.clear())

    def configure(self, config: CameraConfig) -> None:
        """Take over settings that may change at run time."""
        self.segmenter.reconfigure(config.segmenter)
        self._resize(config)

    def force_key(self, reason: str) -> None:
        """Make the next frame a key frame; from any thread."""
        self._forced = reason

    @property
    def waiting(self) -> bool:
        """Whether a frame waits."""
        return len(self._mailbox) > 0

    def take(self) -> Job | None:
        """Return the oldest frame that waits; None if there is none, or it came to nothing."""
        item = self._mailbox.take()
        if item is None:
            return None
        message, received = item
        if not self.outputs.watched():
            self._forced = self._forced or 'unwatched'  # by the next one that is, the last one may be long gone
            self._relay_calibration(message)
            self.statistics.leave('unwatched')
            return None
        try:
            image = decode(message, self._depth)
            check_frame(image)
        except FrameError as error:
            self.complain('refused', f'frame refused: {error}')
            return None
        except Exception as error:  # a message that not even the checks expected
            self.complain('refused', f'frame refused: {type(error).__name__}: {error}')
            return None
        self._force(getattr(message, 'encoding', None) or message.format)
        return Job(self, image, stamp_of(message), message.header, received)

    def finish(self, job: Job, result: FrameResult) -> None:
        """Publish and count."""
        try:
            self.outputs.publish(job.image, result, job.header)
        except Exception as error:  # a writer that the middleware refused; the node lives on
            self.complain('failed', f'publishing failed: {type(error).__name__}: {error}')
        else:
            self.statistics.publish(result, time.monotonic() - job.received)

    def complain(self, reason: str, error: str) -> None:
        """Count a frame as lost for that reason, and say so, at most once a second."""
        where = f'{self.name} ({self.topic})' if self.name else self.topic
        self.statistics.leave(reason, f'{where}: {error}')
        now = time.monotonic()
        if now - self._last_complaint >= LOG_PERIOD and self._node.context.ok():
            self._last_complaint = now
            self._node.get_logger().error(f'{where}: {error}')

    def incompatible(self) -> list[str]:
        """Return a line for each peer that does not fit our quality of service, by name."""
        return self._subscription.incompatible() + self.outputs.incompatible()

    def mistakes(self) -> list[str]:
        """Return a line for each mistake in how the images are wired."""
        return self._subscription.mistakes()

    def _force(self, encoding: str) -> None:
        """Reset the segmenter if something happened since the last frame."""
        forced, self._forced = self._forced, ''  # what is forced from now on is for the next frame
        if forced:
            self.segmenter.reset(forced)
        elif self._encoding not in ('', encoding):
            self.segmenter.reset('encoding')
        self._encoding = encoding

    def _relay_calibration(self, message: Any) -> None:
        """Publish the camera_info of a frame that nobody wants labelled, for whoever listens to that alone."""
        try:
            size = declared_size(bytes(message.data)) if hasattr(message, 'format') else (message.height, message.width)
        except FrameError:
            return  # what is no image has no calibration
        self.outputs.calibration.publish_soon(message.header, *size)

    def _receive(self, message: Any) -> None:
        self.statistics.receive()
        if not self._enabled:
            self.statistics.leave('disabled')
            return
        dropped = self._mailbox.put((message, time.monotonic()))
        if dropped:
            self.statistics.leave('dropped', count=dropped)

    def _lose(self, count: int) -> None:
        self.statistics.leave('lost', count=count)

    def _resize(self, config: CameraConfig) -> None:
        newest_wins = config.node.policy == 'drop_old'
        waiting = 1 if newest_wins else config.node.queue_length
        self.outputs.calibration.resize(waiting)
        dropped = self._mailbox.resize(waiting, drop_old=newest_wins)
        if dropped:
            self.statistics.leave('dropped', count=dropped)
