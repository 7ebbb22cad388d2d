# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A camera's publishers; nothing is converted or sent for a topic that nobody subscribes to."""

from array import array
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from davss_ros.core.groups import Grouping
from davss_ros.core.result import FrameResult
from davss_ros.core.visualize import Painter
from davss_ros.ros.calibration import Calibration
from davss_ros.ros.encode import encode
from davss_ros.ros.qos import full_name, misfits
from davss_ros.ros.subscription import remapped

# Reliable suits both kinds of subscribers; 5 deep, so that a short stall of one costs it nothing
QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.RELIABLE)

_Make = Callable[[NDArray[np.uint8], FrameResult, Header], Any]


class Outputs:
    """The label and distortion images, their coloured forms, and the camera's calibration.

    Args:
        node: publishes.
        camera: topics are below ``~/<camera>/``, or ``~/`` if it is empty.
        grouping: what is published of the classes.
        opacity: returns the overlay's opacity, 0 to 1, whenever asked.
    """

    def __init__(self, node: Node, camera: str, grouping: Grouping, opacity: Callable[[], float]) -> None:
        painter = Painter(grouping.classes)
        makers: dict[str, tuple[type[Any], _Make]] = {
            'label': (Image, lambda image, result, header: encode(result.labels, header)),
            'label/compressed': (CompressedImage, lambda image, result, header: _png(result.labels, header)),
            'distortion': (Image, lambda image, result, header: encode(result.distortion, header)),
            'confidence': (Image, lambda image, result, header: encode(to_bytes(result.confidence), header)),
            'label_color': (Image, lambda image, result, header: encode(painter.colors(result.labels), header)),
            'overlay': (
                Image,
                lambda image, result, header: encode(painter.overlay(image, result.labels, opacity()), header),
            ),
            'distortion_color': (Image, lambda image, result, header: encode(painter.heat(result.distortion), header)),
        }
        self._node, self._grouping = node, grouping
        prefix = f'~/{camera}/' if camera else '~/'
        self._topics = [
            (self._publisher(kind, _place(node, prefix, name)), make) for name, (kind, make) in makers.items()
        ]
        self.calibration = Calibration(
            self._publisher(CameraInfo, f'{prefix}camera_info'),
            lambda line: node.get_logger().warning(f'{camera}: {line}' if camera else line),
        )

    def watched(self) -> bool:
        """Return whether anybody subscribes to any image."""
        return any(publisher.get_subscription_count() for publisher, _ in self._topics)

    def subscribers(self) -> dict[str, int]:
        """Return how many readers each topic has that the middleware has connected; topics without any are left out."""
        counts = {publisher.topic_name: publisher.get_subscription_count() for publisher in self._publishers()}
        return {topic: count for topic, count in counts.items() if count}

    def publish(self, image: NDArray[np.uint8], result: FrameResult, header: Header) -> None:
        """Send what is subscribed to, under the input's own header."""
        result = replace(result, labels=self._grouping.of(result.labels))
        for publisher, make in self._topics:
            if publisher.get_subscription_count():
                publisher.publish(make(image, result, header))
        self.calibration.publish(header, *result.labels.shape)

    def incompatible(self) -> list[str]:
        """Return a line for each subscriber that what we send cannot reach."""
        lines = []
        for publisher in self._publishers():
            peers = self._node.get_subscriptions_info_by_topic(publisher.topic_name)
            lines += [
                f'{publisher.topic_name}: subscriber {line}' for line in misfits(self._own(publisher), None, peers)
            ]
        return lines

    def destroy(self) -> None:
        """Take the topics down."""
        for publisher in self._publishers():
            self._node.destroy_publisher(publisher)

    def _publishers(self) -> list[Publisher]:
        return [*(publisher for publisher, _ in self._topics), self.calibration.publisher]

    def _publisher(self, kind: type[Any], topic: str) -> Publisher:
        return self._node.create_publisher(
            kind,
            topic,
            QoSProfile(history=QOS.history, depth=QOS.depth, reliability=QOS.reliability),  # overrides change it
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            event_callbacks=PublisherEventCallbacks(use_default_callbacks=False),  # told by name in `incompatible`
        )

    def _own(self, publisher: Publisher) -> QoSProfile:
        """Return what the publisher really offers."""
        own = self._node.get_fully_qualified_name()
        for info in self._node.get_publishers_info_by_topic(publisher.topic_name):
            if full_name(info) == own:
                return info.qos_profile
        return publisher.qos_profile


def _place(node: Node, prefix: str, name: str) -> str:
    """Return where a topic is to be: what is below another one goes along where that is remapped to."""
    above, _, below = name.rpartition('/')
    own = prefix + name
    return f'{node.resolve_topic_name(prefix + above)}/{below}' if above and not remapped(node, own) else own


def to_bytes(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return values of 0 to 1 as 0 to 255, the nearest."""
    return np.rint(shares * 255).astype(np.uint8)


def _png(labels: NDArray[np.uint8], header: Header) -> CompressedImage:
    """Return (H, W) uint8 as a lossless png, named as image_transport names it."""
    good, data = cv2.imencode('.png', labels, (cv2.IMWRITE_PNG_COMPRESSION, 1))
    assert good
    message = CompressedImage(header=header, format='mono8; png compressed ')
    message.data = array('B', data.tobytes())
    return message
