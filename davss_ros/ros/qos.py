# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Quality of service: which peers do not fit ours, by name."""

from collections.abc import Iterable

from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible
from rclpy.topic_endpoint_info import TopicEndpointInfo


def misfits(offered: QoSProfile | None, asked: QoSProfile | None, peers: Iterable[TopicEndpointInfo]) -> list[str]:
    """Return '/namespace/node: why' for each of the ``peers`` that does not fit.

    Args:
        offered: ours, if we publish.
        asked: ours, if we subscribe.
        peers: the other side's endpoints.
    """
    lines = []
    for peer in peers:
        compatible, reason = qos_check_compatible(offered or peer.qos_profile, asked or peer.qos_profile)
        if compatible == QoSCompatibility.ERROR:
            name = f'{peer.node_namespace.rstrip("/")}/{peer.node_name}'
            lines.append(f'{name}: {reason.rstrip("; ").removeprefix("ERROR: ")}')
    return lines
