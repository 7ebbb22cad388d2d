# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The device failing in a step, as the diagnostics tell it over DDS."""

import json
from array import array
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from davss_ros.core.model import Model
from davss_ros.core.node_config import NodeConfig
from davss_ros.ros.health import Level, judge
from davss_ros.ros.worker import Worker


class Device:
    """Fails on demand, whichever network runs."""

    def __init__(self, model: Model) -> None:
        self.broken = False
        self.model = replace(model, key=self._failing(model.key), correction=self._failing(model.correction))

    def _failing(self, network: Callable[..., Any]) -> Any:
        def run(*settings: Any) -> Any:
            if self.broken:
                raise RuntimeError('CUDA error: an illegal memory access was encountered')
            return network(*settings)

        return run


def image(number: int) -> Image:
    message = Image(header=Header(frame_id='front'), height=32, width=48, encoding='mono8', step=48)
    message.header.stamp.sec, message.header.stamp.nanosec = divmod((number + 10) * 10**8, 10**9)
    message.data = array('B', np.full(32 * 48, 100, np.uint8).tobytes())
    return message


def test_a_failed_step_is_counted_drops_the_cache_and_three_in_a_row_are_an_error(
    tiny_model: Model, camera_of: Callable[..., Any]
) -> None:
    device, worker = Device(tiny_model), Worker()
    camera = camera_of(device.model, worker, key_interval=100)
    worker.assign((camera,), batching=False)
    plan = '..x.xx..xxxx...'  # x: the device fails
    found, before = '', camera.statistics.report()
    for number, mark in enumerate(plan):
        device.broken = mark == 'x'
        camera._receive(image(number))
        worker.serve()
        report = camera.statistics.report()
        assert report.received == report.published + report.unfinished.get('failed', 0) == number + 1
        found += 'OWE'[judge(report, before, NodeConfig(), active=True)[0]]
        before = report
    assert found == 'OOWOWWOOWWEEOOO'
    reasons = [result.key_reason for _, result, _ in camera.outputs.published]
    assert reasons == ['first', '', 'failure', 'failure', '', 'failure', '', '']
    assert report.unfinished == {'failed': plan.count('x')}
    assert report.key_frames == {'first': 1, 'failure': 3}
    assert 'frame failed: RuntimeError: CUDA error: an illegal memory access' in report.last_error


def test_the_diagnostics_turn_to_error_and_back(tiny_model: Model, running: Callable[..., Any], client: Any) -> None:
    device = Device(tiny_model)
    running(device.model, policy='every_frame', warn_silence=0.0)
    diagnostics: list[tuple[int, str, dict[str, str]]] = []

    def note(message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == '/davss: /image':
                values = {pair.key: pair.value for pair in status.values}
                diagnostics.append((status.level[0], status.message, values))

    client.node.create_subscription(DiagnosticArray, '/diagnostics', note, 10)
    client.node.create_subscription(Image, '/davss/label', lambda message: None, 10)
    camera = client.node.create_publisher(Image, '/image', 10)
    client.connect('/davss/label', camera=camera)
    number = 0

    def frames_until(done: Callable[[], bool]) -> None:
        nonlocal number
        diagnostics.clear()
        for _ in range(600):
            camera.publish(image(number))
            number += 1
            client.run_until(done, 0.1)
            if done():
                return

    frames_until(
        lambda: bool(diagnostics) and diagnostics[-1][0] == Level.OK and int(diagnostics[-1][2]['published']) > 2
    )
    assert diagnostics and diagnostics[-1][0] == Level.OK, diagnostics
    device.broken = True
    frames_until(lambda: bool(diagnostics) and diagnostics[-1][0] == Level.ERROR)
    level, words, values = diagnostics[-1]
    assert level == DiagnosticStatus.ERROR[0] and 'frames failed in a row' in words
    assert int(values['failures in a row']) >= 3 and json.loads(values['not published'])['failed'] >= 3
    assert 'illegal memory access' in values['last error']
    device.broken = False
    frames_until(lambda: bool(diagnostics) and diagnostics[-1][0] == Level.OK)
    level, _, values = diagnostics[-1]
    assert (level, values['failures in a row']) == (Level.OK, '0')
    assert json.loads(values['key frame reasons'])['failure'] == 1
