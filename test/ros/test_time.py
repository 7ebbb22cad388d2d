# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The clock of a simulation or a bag: jumps make key frames, ticks do not."""

import json
from array import array
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from davss_ros.core.model import Model


def test_the_simulated_clock_forces_a_key_frame_when_it_goes_back_and_not_when_it_ticks_in_jumps(
    tiny_model: Model, running: Callable[..., Any], client: Any
) -> None:
    node = running(tiny_model, policy='every_frame', key_interval=1000, use_sim_time=True)
    ticks = client.node.create_publisher(Clock, '/clock', 10)
    diagnostics: list[tuple[int, dict[str, str]]] = []

    def note(message: DiagnosticArray) -> None:
        values = {pair.key: pair.value for pair in message.status[-1].values}
        diagnostics.append((message.header.stamp.sec, values))

    client.node.create_subscription(DiagnosticArray, '/diagnostics', note, 10)
    client.node.create_subscription(Image, '/davss/label', lambda message: None, 10)
    camera = client.node.create_publisher(Image, '/image', 10)
    now = 500.0

    def tick(seconds: float) -> None:
        """Set the clock, and wait until the node has it."""
        nonlocal now
        now = seconds
        message = Clock()
        message.clock.sec, message.clock.nanosec = divmod(round(seconds * 1e9), 10**9)

        def subscribed() -> bool:
            ticks.publish(message)
            client.run_until(lambda: False, 0.02)
            return bool(abs(node.get_clock().now().nanoseconds / 1e9 - seconds) < 1e-6)

        client.run_until(subscribed, 60)
        assert subscribed()

    def frame() -> None:
        """Send an image of no stamp, and wait until it came out."""
        message = Image(height=32, width=48, encoding='mono8', step=48, data=array('B', bytes(32 * 48)))
        published = node.cameras[''].statistics.report().published
        camera.publish(message)
        client.run_until(lambda: node.cameras[''].statistics.report().published > published, 60)

    client.connect('/davss/label', camera=camera)
    tick(now)  # the first, from nothing, is a jump too
    frame()
    before = node.cameras[''].statistics.report().key_frames
    for step, jumps in ((0.1, 0), (2.0, 0), (2.0, 0), (-0.2, 1), (0.1, 1), (-100.0, 2), (50.0, 2), (0.5, 2)):
        tick(now + step)
        frame()
        after = node.cameras[''].statistics.report().key_frames
        assert after.get('clock', 0) - before.get('clock', 0) == jumps, (step, after)
        assert sum(after.values()) - sum(before.values()) == jumps
    diagnostics.clear()
    client.run_until(lambda: bool(diagnostics), 60)
    stamp, values = diagnostics[-1]
    assert 400 < stamp < 600  # of the simulation
    assert json.loads(values['key frame reasons']) == after


def test_a_clock_that_stands_still_holds_nothing_up(
    tiny_model: Model, running: Callable[..., Any], client: Any
) -> None:
    running(tiny_model, policy='every_frame', use_sim_time=True)  # and nobody publishes the time
    client.node.create_subscription(Image, '/davss/label', lambda message: None, 10)
    camera = client.node.create_publisher(Image, '/image', qos_profile_sensor_data)
    client.connect('/davss/label', camera=camera)  # by the diagnostics, and a reader that has turned to best effort
    labels: list[Image] = []
    client.node.create_subscription(Image, '/davss/label', labels.append, 10)

    def served() -> bool:
        camera.publish(Image(height=32, width=48, encoding='mono8', step=48, data=array('B', bytes(32 * 48))))
        client.run_until(lambda: bool(labels), 0.2)
        return bool(labels)

    client.run_until(served, 60)
    assert labels
