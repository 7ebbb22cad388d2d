# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``live_check``: a bag through the running node over DDS, and whether its labels are those of ``evaluate_bag``."""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.utilities import try_shutdown
from sensor_msgs.msg import Image

from davss_ros.command_line import guarded
from davss_ros.errors import DataError
from davss_ros.evaluate.bags.rows import read_rows
from davss_ros.images.messages import stamp_of
from davss_ros.ros.demo import process

POLICIES = ('every_frame', 'drop_old')
START_LIMIT = 120.0  # s for the node to load and warm up
QUIET = 6.0  # s without a label after the last frame was sent
LIMIT = 3600.0  # s for a bag
QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=500, reliability=ReliabilityPolicy.RELIABLE)


class Listener(Node):
    """Takes the labels of all cameras, and what the node says of itself.

    Args:
        topics: label topic by image topic.
    """

    def __init__(self, topics: dict[str, str]) -> None:
        super().__init__('davss_live_check')
        self.labels: dict[tuple[str, int], str] = {}  # image topic and stamp, ns -> checksum
        self.diagnostics: dict[str, str] = {}
        self.last = time.monotonic()
        for image, label in topics.items():
            self.create_subscription(Image, label, partial(self._take, image), QOS)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._diagnose, 10)

    def _take(self, image: str, message: Image) -> None:
        stamp = stamp_of(message)
        self.labels[image, stamp] = hashlib.blake2b(bytes(message.data), digest_size=8).hexdigest()
        self.last = time.monotonic()

    def _diagnose(self, message: DiagnosticArray) -> None:
        self.diagnostics |= {pair.key: pair.value for status in message.status for pair in status.values}

    def spin(self, seconds: float) -> None:
        """Serve callbacks for that long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            rclpy.spin_once(self, timeout_sec=left)


def play(bag: Path, cameras: dict[str, str], values: dict[str, Any], policy: str, count: int) -> dict[str, Any]:
    """Play a bag through a node of its own.

    Args:
        bag: where it lies.
        cameras: name of the camera by image topic; '' for the only one.
        values: parameters by full name.
        policy: as the parameter.
        count: frames of the bag.

    Returns:
        ``sent``, ``out``, ``dropped``, ``latency_ms`` as the node tells it, and ``labels``.

    Raises:
        DataError: the node does not come up, or replay fails.
    """
    queue = {'policy': policy, 'queue_length': max(1, min(count, 10000))}
    own = {name: value for name, value in values.items() if name.rpartition('.')[2] not in queue}
    own = {'workers': 1} | own  # with all cores, as `evaluate_bag` computed: with fewer sums may be rounded otherwise
    with TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder) / 'parameters.yaml'
        file.write_text(yaml.safe_dump({'/**': {'ros__parameters': own | queue}}))
        topics = {image: f'/davss/{name}/label' if name else '/davss/label' for image, name in cameras.items()}
        listener = Listener(topics)
        stack.callback(listener.destroy_node)
        node = stack.enter_context(process(['davss_node', '--ros-args', '--params-file', str(file)]))
        _wait_until_active(listener, node)
        players = [stack.enter_context(process(_replay(bag, image, name))) for image, name in cameras.items()]
        until = time.monotonic() + LIMIT
        while any(player.poll() is None for player in players) and time.monotonic() < until:
            listener.spin(0.2)
            if node.poll() is not None:
                raise DataError(f'{bag}: the node ended with {node.returncode}; see its messages above')
        listener.last = time.monotonic()
        while time.monotonic() - listener.last < QUIET and time.monotonic() < until:
            listener.spin(0.2)
        sent = sum(json.loads(player.stdout.read() if player.stdout else b'{}')['published'] for player in players)
    latency = json.loads(listener.diagnostics.get('latency (ms)', '{}'))
    out = len(listener.labels)
    return {'sent': sent, 'out': out, 'dropped': sent - out, 'latency_ms': latency, 'labels': listener.labels}


def _replay(bag: Path, image: str, name: str) -> list[str]:
    command = ['replay', str(bag), '--topic', image, '--stamps', 'own', '--reliability', 'reliable']
    return [*command, '--ros-args', '-r', f'image:={name}/image', '-r', f'__node:=replay_{name}'] if name else command


def _wait_until_active(listener: Listener, node: 'subprocess.Popen[bytes]') -> None:
    until = time.monotonic() + START_LIMIT
    while listener.diagnostics.get('state') != 'active':
        if node.poll() is not None or time.monotonic() > until or listener.diagnostics.get('state') == 'unconfigured':
            raise DataError(f'the node did not come up (exit status {node.poll()}); see its messages above')
        listener.spin(0.2)


def compare(played: dict[str, Any], expected: dict[tuple[str, int], str]) -> dict[str, Any]:
    """Return the counts without the labels, and how many of these are ``same`` and ``different``."""
    labels = played.pop('labels')
    both = [key for key in labels if key in expected]
    same = sum(labels[key] == expected[key] for key in both)
    return played | {'same': same, 'different': len(both) - same}


def main(arguments: Sequence[str] | None = None) -> int:
    """Read a request as JSON from a file, play, and print what came out as JSON; return the exit status."""
    parser = argparse.ArgumentParser('live_check', description=__doc__)
    parser.add_argument('request', type=Path, help='JSON, made by evaluate_bag --live')
    options = parser.parse_args(arguments)
    return guarded('live_check', lambda: _check(json.loads(options.request.read_text())))


def _check(request: dict[str, Any]) -> int:
    rows = [row for row in read_rows(Path(request['rows'])) if row.bag == request['name'] and not row.skipped]
    expected = {(row.camera, row.stamp): row.labels for row in rows}
    rclpy.init(args=[])
    try:
        found = {}
        for policy in POLICIES:
            played = play(Path(request['bag']), request['cameras'], request['values'], policy, len(rows))
            found[policy] = compare(played, expected)
    finally:
        try_shutdown()
    sys.stdout.write(json.dumps(found) + '\n')
    return 0
