# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What the diagnostics tell, and that they and the services go on while the networks run."""

import json
import threading
from array import array
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import GetState
from sensor_msgs.msg import Image

from davss_ros.core.model import Model
from davss_ros.ros.diagnostics import PERIOD

NODE = {'state', 'model', 'checksum', 'classes', 'device', 'engine', 'memory (MB)', 'last error'}
CAMERA = {
    *('rate in (Hz)', 'rate out (Hz)', 'latency (ms)', 'stages (ms)', 'mean distortion', 'silence (s)', 'subscribers'),
    *('received', 'published', 'waiting', 'not published', 'failures in a row', 'last error'),
    'frames without a camera_info of their stamp',
    *('key frames', 'key frame reasons', 'key frame share', 'key frame age (s)', 'key frame distance'),
}


def image(shade: int = 100) -> Image:
    pixels = np.full(32 * 48, shade, np.uint8)
    return Image(height=32, width=48, encoding='mono8', step=48, data=array('B', pixels.tobytes()))


class Heard:
    """The diagnostics, by status; and a camera and a viewer."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.values: dict[str, dict[str, str]] = {}
        client.node.create_subscription(DiagnosticArray, '/diagnostics', self._note, 10)
        client.node.create_subscription(Image, '/davss/label', lambda message: None, 10)
        self.camera = client.node.create_publisher(Image, '/image', 10)
        client.connect('/davss/label', camera=self.camera)

    def _note(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.values[status.name] = {pair.key: pair.value for pair in status.values}

    def camera_says(self, key: str, value: str) -> bool:
        self.client.run_until(lambda: self.values.get('/davss: /image', {}).get(key) == value, 60)
        return self.values['/davss: /image'][key] == value


def test_they_tell_of_the_node_and_of_every_frame(tiny_model: Model, running: Callable[..., Any], client: Any) -> None:
    running(replace(tiny_model, checksum='abc123'), policy='every_frame', key_interval=3)
    heard = Heard(client)
    for number in range(6):
        heard.camera.publish(image())
        assert heard.camera_says('published', str(number + 1))
    assert PERIOD == 1.0
    node, camera = heard.values['/davss: node'], heard.values['/davss: /image']
    assert (node.keys(), camera.keys()) == (NODE, CAMERA)
    assert (node['state'], node['model'], node['checksum'], node['classes']) == ('active', 'tiny', 'abc123', '11')
    assert node['device'].startswith('cpu') and float(node['memory (MB)']) > 50
    assert (camera['received'], camera['waiting'], camera['not published']) == ('6', '0', '{}')
    assert (camera['key frames'], camera['key frame share'], camera['key frame distance']) == ('2', '0.333', '2')
    assert json.loads(camera['key frame reasons']) == {'activated': 1, 'interval': 1}
    assert json.loads(camera['subscribers']) == {'/davss/label': 1}
    latency = json.loads(camera['latency (ms)'])
    assert 0 < latency['p50'] <= latency['p95'] <= latency['p99']
    assert json.loads(camera['stages (ms)'])['total'] <= latency['p99']
    assert 0 <= float(camera['mean distortion']) < 0.01  # a still scene
    assert 0 < float(camera['key frame age (s)']) >= float(camera['silence (s)'])


@pytest.mark.parametrize('policy', ['drop_old', 'every_frame'])
def test_nothing_waits_for_the_network(
    tiny_model: Model, running: Callable[..., Any], client: Any, policy: str
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    key, blocks = tiny_model.key, [False]

    def slow(settings: Any) -> Any:
        if blocks[0]:
            begun.set()
            go_on.wait(120)
        return key(settings)

    running(replace(tiny_model, key=slow), policy=policy)
    heard = Heard(client)
    blocks[0] = True
    try:
        heard.camera.publish(image())
        assert begun.wait(60)
        for number in range(3):  # come in, are counted and told of, and services answer
            heard.camera.publish(image())
            assert heard.camera_says('received', str(number + 2))
        assert heard.camera_says('waiting', '2' if policy == 'drop_old' else '4')
        state = client.call(GetState, '/davss/get_state', GetState.Request()).current_state.label
        assert (state, heard.values['/davss: /image']['published']) == ('active', '0')
    finally:
        blocks[0] = False
        go_on.set()
    assert heard.camera_says('waiting', '0')
    dropped = {'dropped': 2} if policy == 'drop_old' else {}
    assert json.loads(heard.values['/davss: /image']['not published']) == dropped
