# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Quality of service, and peers by name: which do not fit ours."""

from collections.abc import Iterable
from typing import Protocol

from rclpy.qos import DurabilityPolicy, QoSCompatibility, QoSProfile, ReliabilityPolicy, qos_check_compatible

# what comes late still gets the last message
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Endpoint(Protocol):
    """What rclpy knows of a peer; Rolling has its class in another module than Jazzy and Kilted."""

    node_name: str
    node_namespace: str
    qos_profile: QoSProfile


def full_name(peer: Endpoint) -> str:
    """Return '/namespace/node'."""
    return f'{peer.node_namespace.rstrip("/")}/{peer.node_name}'


def misfits(offered: QoSProfile | None, asked: QoSProfile | None, peers: Iterable[Endpoint]) -> list[str]:
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
            lines.append(f'{full_name(peer)}: {reason.rstrip("; ").removeprefix("ERROR: ")}')
    return lines
