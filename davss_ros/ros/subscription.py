"""The image subscription, matched to what the publishers offer.

A best-effort reader loses most of a large image stream that a reliable writer would have delivered whole; a reliable
reader hears nothing from a best-effort writer. So under ``auto`` the node asks what the publishers offer and
subscribes to suit all of them, and again whenever that changes.
"""

from collections.abc import Callable
from typing import Any

from rclpy.event_handler import QoSMessageLostInfo, QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

DEPTH = 10  # messages the middleware holds while the callback runs; the node's own queue is behind it
PERIOD = 0.2  # s between looks at the publishers


class ImageSubscription:
    """Subscribes to ``image`` (or ``image/compressed``).

    Args:
        node: subscribes.
        transport: raw or compressed.
        reliability: auto, reliable or best_effort.
        on_image: called with every message.
        on_lost: called with how many were lost on the wire.
    """

    def __init__(
        self,
        node: Node,
        transport: str,
        reliability: str,
        on_image: Callable[[Any], None],
        on_lost: Callable[[int], None],
    ) -> None:
        self._node = node
        self._type, topic = (Image, 'image') if transport == 'raw' else (CompressedImage, 'image/compressed')
        self.topic = node.resolve_topic_name(topic)
        self._on_image, self._on_lost = on_image, on_lost
        self._subscription: Subscription | None = None
        self._reliability: ReliabilityPolicy | None = None
        if reliability == 'auto':
            self._subscribe(ReliabilityPolicy.RELIABLE)
            node.create_timer(PERIOD, self._match)
        else:
            self._subscribe(ReliabilityPolicy[reliability.upper()])

    def _match(self) -> None:
        """Subscribe as the publishers allow: reliable unless one of them is not."""
        offered = {info.qos_profile.reliability for info in self._node.get_publishers_info_by_topic(self.topic)}
        if offered:
            best_effort = ReliabilityPolicy.BEST_EFFORT in offered
            self._subscribe(ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE)

    def _subscribe(self, reliability: ReliabilityPolicy) -> None:
        if reliability == self._reliability:
            return
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._node.get_logger().info(f'{self.topic}: subscribing {reliability.name}, as its publishers offer')
        self._reliability = reliability
        profile = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=DEPTH, reliability=reliability)
        events = SubscriptionEventCallbacks(message_lost=self._lost, incompatible_qos=self._incompatible)
        self._subscription = self._node.create_subscription(
            self._type, self.topic, self._on_image, profile, event_callbacks=events
        )

    def _lost(self, info: QoSMessageLostInfo) -> None:
        self._on_lost(info.total_count_change)

    def _incompatible(self, info: QoSRequestedIncompatibleQoSInfo) -> None:
        self._node.get_logger().warning(
            f'{self.topic}: a publisher offers less than this subscription asks ({info.last_policy_kind}); '
            'its images do not arrive. Set reliability to auto or best_effort',
            throttle_duration_sec=10.0,
        )
