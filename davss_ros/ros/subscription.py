# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The image subscription, matched to what the publishers offer, and the camera_info beside it.

A best-effort reader loses most of a large image stream that a reliable writer would have delivered whole; a reliable
reader hears nothing from a best-effort writer. So under ``auto`` the node asks what the publishers offer and
subscribes to suit all of them, and again whenever that changes (REP 2003 leaves the choice to the sensor's driver).
"""

import time
from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.event_handler import QoSMessageLostInfo, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import (
    HistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from rclpy.timer import Timer
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from davss_ros.errors import ConfigError
from davss_ros.ros.qos import LATCHED, full_name, misfits
from davss_ros.ros.topics import COMPRESSED, IMAGE
from davss_ros.ros.wiring import image_topic_mistakes

DEPTH = 10  # messages the middleware holds while the callback runs; the node's own queue is behind it
PERIOD = 0.2  # s between looks at the publishers
CHOICES = ('auto', 'reliable', 'best_effort')


class ImageSubscription:
    """Subscribes to an image topic while open.

    History and depth come from ``qos_overrides.<topic>.subscription``, and so does reliability, where ``auto`` is one
    more choice.

    Args:
        node: subscribes.
        topic: of the images; ``/compressed`` is added to it for that transport.
        transport: raw or compressed.
        reliability: one of `CHOICES`, if not overridden.
        on_image: called with every message.
        on_lost: called with how many were lost on the wire.

    Raises:
        ConfigError: the override of the reliability is none of `CHOICES`.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        transport: str,
        reliability: str,
        on_image: Callable[[Any], None],
        on_lost: Callable[[int], None],
    ) -> None:
        self._node = node
        self._type = Image if transport == 'raw' else CompressedImage
        self.topic = node.resolve_topic_name(topic) if transport == 'raw' else _compressed(node, topic)
        self._info_topic = _info_topic(node, topic, self.topic, transport)
        self._on_image, self._on_lost = on_image, on_lost
        self._wanted = self._overridden(reliability)
        self._subscription: Subscription | None = None
        self._infos: list[Subscription] = []
        self._timer: Timer | None = None
        self._profile: QoSProfile | None = None
        self._opened = 0.0

    def open(self, on_info: Callable[[CameraInfo], None]) -> None:
        """Subscribe; ``on_info`` is called with every camera_info."""
        self._opened = time.monotonic()
        if self._wanted == 'auto':
            self._subscribe(ReliabilityPolicy.RELIABLE)
            steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stop
            self._timer = self._node.create_timer(PERIOD, self._match, clock=steady)
        else:
            self._subscribe(ReliabilityPolicy[self._wanted.upper()])
        self._infos = [  # what a latched publisher sends comes twice, which does no harm
            self._node.create_subscription(
                CameraInfo,
                self._info_topic,
                on_info,
                profile,
                event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
            )
            for profile in (qos_profile_sensor_data, LATCHED)
        ]

    def close(self) -> None:
        """Unsubscribe."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        for subscription in filter(None, (self._subscription, *self._infos)):
            self._node.destroy_subscription(subscription)
        self._timer = self._subscription = self._profile = None
        self._infos = []

    def incompatible(self) -> list[str]:
        """Return a line for each publisher whose images cannot reach us."""
        if self._profile is None:
            return []
        peers = self._node.get_publishers_info_by_topic(self.topic)
        return [f'{self.topic}: publisher {line}' for line in misfits(None, self._profile, peers)]

    def mistakes(self) -> list[str]:
        """Return a line for each mistake in how the images are wired, see `davss_ros.ros.wiring`."""
        if self._profile is None:
            return []
        publishers = [
            (full_name(peer), peer.topic_type) for peer in self._node.get_publishers_info_by_topic(self.topic)
        ]
        own = f'{self._node.get_fully_qualified_name()}/'
        graph = {
            name: kinds
            for name, kinds in ([] if publishers else self._node.get_topic_names_and_types())
            if not name.startswith(own) and self._node.count_publishers(name)
        }
        kind = IMAGE if self._type is Image else COMPRESSED
        return image_topic_mistakes(self.topic, kind, publishers, graph, time.monotonic() - self._opened)

    def _overridden(self, reliability: str) -> str:
        name = f'qos_overrides.{self.topic}.subscription.reliability'
        if not self._node.has_parameter(name):
            self._node.declare_parameter(name, reliability)
        wanted = self._node.get_parameter(name).value
        if wanted not in CHOICES:
            raise ConfigError(f'{name}: expected one of {", ".join(CHOICES)}, found {wanted!r}')
        return str(wanted)

    def _match(self) -> None:
        """Subscribe as the publishers allow: reliable unless one of them is not."""
        offered = {info.qos_profile.reliability for info in self._node.get_publishers_info_by_topic(self.topic)}
        if offered:
            best_effort = ReliabilityPolicy.BEST_EFFORT in offered
            self._subscribe(ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE)

    def _subscribe(self, reliability: ReliabilityPolicy) -> None:
        if self._profile is not None and self._profile.reliability == reliability:
            return
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._node.get_logger().info(f'{self.topic}: subscribing {reliability.name}, as its publishers offer')
        self._profile = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=DEPTH, reliability=reliability)
        self._subscription = self._node.create_subscription(
            self._type,
            self.topic,
            self._on_image,
            self._profile,
            event_callbacks=SubscriptionEventCallbacks(message_lost=self._lost, use_default_callbacks=False),
            qos_overriding_options=QoSOverridingOptions((QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH)),
        )

    def _lost(self, info: QoSMessageLostInfo) -> None:
        self._on_lost(info.total_count_change)


def _compressed(node: Node, topic: str) -> str:
    """Return where the compressed images are: beside the images, remapped or not, unless remapped themselves."""
    return remapped(node, f'{topic}/compressed') or f'{node.resolve_topic_name(topic)}/compressed'


def _info_topic(node: Node, topic: str, images: str, transport: str) -> str:
    """Return where camera_info is: beside the images, as image_transport has it, unless remapped itself."""
    if transport == 'compressed':
        images = images.removesuffix('/compressed')
    own = f'{topic.removesuffix("image")}camera_info'
    return remapped(node, own) or f'{images.rpartition("/")[0]}/camera_info'


def remapped(node: Node, name: str) -> str:
    """Return where a remapping rule of its own leads that topic; empty if there is none."""
    resolved = str(node.resolve_topic_name(name))
    return '' if resolved == node.resolve_topic_name(name, only_expand=True) else resolved
