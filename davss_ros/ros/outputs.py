"""The node's image publishers; nothing is converted or sent for a topic that nobody subscribes to."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from davss_ros.core.result import FrameResult
from davss_ros.core.visualize import Painter
from davss_ros.ros.encode import encode

# Reliable suits both kinds of subscribers; 5 deep, so that a short stall of one costs it nothing
QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.RELIABLE)

_Make = Callable[[NDArray[np.uint8], FrameResult], NDArray[np.generic]]


class Outputs:
    """``~/label``, ``~/distortion``, ``~/label_color``, ``~/overlay`` and ``~/distortion_color``.

    Args:
        node: publishes.
        painter: colours.
        opacity: returns the overlay's opacity, 0 to 1, whenever asked.
    """

    def __init__(self, node: Node, painter: Painter, opacity: Callable[[], float]) -> None:
        makers: dict[str, _Make] = {
            'label': lambda image, result: result.labels,
            'distortion': lambda image, result: result.distortion,
            'label_color': lambda image, result: painter.colors(result.labels),
            'overlay': lambda image, result: painter.overlay(image, result.labels, opacity()),
            'distortion_color': lambda image, result: painter.heat(result.distortion),
        }
        overriding = QoSOverridingOptions.with_default_policies()
        self._topics: list[tuple[Publisher, _Make]] = [
            (node.create_publisher(Image, f'~/{name}', QOS, qos_overriding_options=overriding), make)
            for name, make in makers.items()
        ]

    def watched(self) -> bool:
        """Return whether anybody subscribes to any output."""
        return any(publisher.get_subscription_count() for publisher, _ in self._topics)

    def publish(self, image: NDArray[np.uint8], result: FrameResult, header: Header) -> None:
        """Send what is subscribed to, under the input's own header."""
        for publisher, make in self._topics:
            if publisher.get_subscription_count():
                publisher.publish(encode(make(image, result), header))
