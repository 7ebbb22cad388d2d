"""One camera: its subscription, queue, segmenter, outputs and counts.

    message -> mailbox -> [`Camera.work`] decode -> VideoSegmenter.step -> outputs

The executor's thread only counts and queues; all else happens in `work`, so a slow network delays no callback. `work`
belongs in the process's main thread: in any other, torch computes convolutions on one core only.
"""

import time
from typing import Any

from rclpy.node import Node

from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.errors import FrameError
from davss_ros.image_messages import decode
from davss_ros.ros.mailbox import Mailbox
from davss_ros.ros.outputs import Outputs
from davss_ros.ros.parameters import NodeConfig
from davss_ros.ros.statistics import Statistics
from davss_ros.ros.subscription import ImageSubscription


class Camera:
    """Serves one image topic while `work` runs, until `close`.

    Args:
        node: subscribes and logs.
        config: the node's settings.
        segmenter: this camera's own.
        outputs: this camera's publishers.
    """

    def __init__(self, node: Node, config: NodeConfig, segmenter: VideoSegmenter, outputs: Outputs) -> None:
        self.statistics = Statistics()
        self._node, self._segmenter, self._outputs = node, segmenter, outputs
        newest_wins = config.policy == 'drop_old'
        self._mailbox: Mailbox[tuple[Any, float]] = Mailbox(
            1 if newest_wins else config.queue_length, drop_old=newest_wins
        )
        self._subscription = ImageSubscription(
            node, config.image_transport, config.reliability, self._receive, self._lose
        )

    @property
    def topic(self) -> str:
        """The image topic, resolved."""
        return self._subscription.topic

    def work(self) -> None:
        """Serve frames as they come; returns after `close`."""
        while (item := self._mailbox.get()) is not None:
            self._serve(*item)

    def close(self) -> None:
        """End `work` after the frame in hand; from any thread."""
        self._mailbox.close()

    def _receive(self, message: Any) -> None:
        self.statistics.receive()
        if not self._mailbox.put((message, time.monotonic())):
            self.statistics.leave('dropped')

    def _lose(self, count: int) -> None:
        self.statistics.leave('lost', count=count)

    def _serve(self, message: Any, received: float) -> None:
        if not self._outputs.watched():
            self.statistics.leave('unwatched')
            return
        try:
            image = decode(message)
            stamp = message.header.stamp
            result = self._segmenter.step(image, stamp.sec * 10**9 + stamp.nanosec)
            self._outputs.publish(image, result, message.header)
        except FrameError as error:
            self._complain('refused', f'{self.topic}: frame refused: {error}')
        except Exception as error:  # whatever the networks or the device throw, the node lives on
            self._complain('failed', f'{self.topic}: frame failed: {type(error).__name__}: {error}')
        else:
            self.statistics.publish(result, time.monotonic() - received)

    def _complain(self, reason: str, error: str) -> None:
        self.statistics.leave(reason, error)
        if self._node.context.ok():
            self._node.get_logger().error(error, throttle_duration_sec=1.0)
