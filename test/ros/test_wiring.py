# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Mistakes in the wiring are told, by line and by node."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import CompressedImage, Image

from davss_ros.core.model import Model
from davss_ros.ros import wiring
from davss_ros.ros.diagnostics import COMPLAINTS_PERIOD
from davss_ros.ros.topics import COMPRESSED, IMAGE

CAMERA = ('/camera', IMAGE)
PLUGIN = ('/camera', COMPRESSED)
LOOKS = 4


@pytest.mark.parametrize(
    ('topic', 'kind', 'publishers', 'graph', 'complaint'),
    [
        ('/image', IMAGE, [CAMERA], {}, ''),
        ('/image', IMAGE, [CAMERA, ('/other', IMAGE)], {}, '/image: 2 publishers, /camera, /other: frames of several'),
        ('/image', IMAGE, [CAMERA, CAMERA], {}, '2 publishers, /camera (2 times)'),
        ('/a/compressed', IMAGE, [PLUGIN], {}, 'set image_transport: compressed, and remap image to /a'),
        ('/a/compressed', COMPRESSED, [CAMERA], {}, 'set image_transport: raw, or remap image'),
        ('/image', IMAGE, [('/camera', 'std_msgs/msg/String')], {}, 'as another type by /camera (std_msgs/msg/String)'),
        ('/a/compressed/compressed', COMPRESSED, [], {'/a/compressed': [COMPRESSED]}, 'remap it to /a'),
        ('/a/compressed', COMPRESSED, [], {'/a': [IMAGE]}, 'there is /a: set image_transport: raw'),
        ('/a', IMAGE, [], {'/a/compressed': [COMPRESSED]}, 'there is /a/compressed: set image_transport: compressed'),
        ('/image', IMAGE, [], {'/image_raw': [IMAGE], '/depth': [IMAGE]}, 'remap image, to /image_raw or /depth'),
        ('/image', IMAGE, [], {'/chatter': ['std_msgs/msg/String']}, 'no other image topic either'),
    ],
)
def test_images(topic: str, kind: str, publishers: Any, graph: Any, complaint: str) -> None:
    lines = wiring.image_topic_mistakes(topic, kind, publishers, graph, wiring.WAIT + 1)
    assert len(lines) == bool(complaint)
    assert all(line.startswith(f'{topic}: ') and complaint in line and '\n' not in line for line in lines)


def test_a_publisher_is_waited_for() -> None:
    assert wiring.image_topic_mistakes('/image', IMAGE, [], {}, wiring.WAIT - 1) == []


def test_nodes_of_one_name() -> None:
    nodes = [('davss', '/'), ('davss', '/robot'), ('camera', '/')]
    assert wiring.same_name('/davss', nodes) == []
    assert '2 nodes of this name' in wiring.same_name('/robot/davss', [*nodes, ('davss', '/robot')])[0]


def test_parameters_that_nobody_declared() -> None:
    declared = ['key_interval', 'front.key_interval', 'weights']
    lines = wiring.undeclared(['weights', 'key_intervall', 'frnt.key_interval', 'qqqq'], declared)
    assert lines == [
        'parameter frnt.key_interval: no such parameter; did you mean front.key_interval?',
        'parameter key_intervall: no such parameter; did you mean key_interval?',
        'parameter qqqq: no such parameter',
    ]


def test_parameter_files_for_another_node(tmp_path: Path) -> None:
    other, ours = tmp_path / 'other.yaml', tmp_path / 'ours.yaml'
    other.write_text('segmenter:\n  ros__parameters: {key_interval: 3}\n')
    ours.write_text('/**:\n  ros__parameters: {key_interval: 3}\n')
    arguments = ['--ros-args', '--params-file', str(other), '--params-file', str(ours), '-p', 'key_interval:=3']
    (line,) = wiring.misdirected_files(arguments, '/robot/davss')
    assert line == f'--params-file {other}: expected parameters of /robot/davss, found those of /segmenter'


def test_a_node_that_is_wired_wrong_says_so(tiny_model: Model, running: Callable[..., Any], client: Any) -> None:
    node = running(tiny_model, key_intervall=3, **{'qos_overrides./imag.subscription.depth': 3})
    client.node.create_publisher(CompressedImage, '/image', 9)
    messages: dict[str, tuple[bytes, str]] = {}

    def note(message: DiagnosticArray) -> None:
        messages.update({status.name: (status.level, status.message) for status in message.status})

    client.node.create_subscription(DiagnosticArray, '/diagnostics', note, 10)
    client.run_until(lambda: 'another type' in messages.get('/davss: /image', (b'', ''))[1], 30)
    level, words = messages['/davss: /image']
    assert level == b'\x01' and f'as another type by /client ({COMPRESSED})' in words
    level, words = messages['/davss: node']
    assert level == b'\x01' and 'parameter key_intervall: no such parameter; did you mean key_interval?' in words
    assert 'parameter qos_overrides./imag.subscription.depth: no such parameter' in words
    assert node.state == 'active'


def test_a_camera_that_nobody_feeds_or_several_do_is_told_of(
    tiny_model: Model,
    running: Callable[..., Any],
    client: Any,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(wiring, 'WAIT', 0.5)
    client.node.create_publisher(Image, '/image_raw', 9)
    running(tiny_model)
    messages = ['']

    def note(message: DiagnosticArray) -> None:
        messages.extend(status.message for status in message.status if status.name == '/davss: /image')

    client.node.create_subscription(DiagnosticArray, '/diagnostics', note, 10)
    for complaint in (
        '/image: no publisher for 0.5 s or more; remap image, to /image_raw perhaps',
        '/image: 2 publishers, /client (2 times): frames of several cameras do not make one video',
    ):
        client.run_until(lambda: complaint in messages[-1], 30)  # noqa: B023  # called in this turn only
        assert complaint in messages[-1]
        assert complaint in capfd.readouterr().err
        for _ in range(2):
            client.node.create_publisher(Image, '/image', 9)


def test_each_line_is_in_the_terminal_once_a_period_and_in_the_diagnostics(
    processes: Any, client: Any, tmp_path: Path
) -> None:
    other = tmp_path / 'other.yaml'
    other.write_text('segmenter:\n  ros__parameters: {key_interval: 3}\n')
    mistakes = {
        '2 nodes': '/davss: 2 nodes of this name',
        'key_intervall': 'parameter key_intervall: no such parameter; did you mean key_interval?',
        'other.yaml': 'other.yaml: expected parameters of /davss, found those of /segmenter',
    }
    words = ['--params-file', str(other), '-p', 'autostart:=false', '-p', 'key_intervall:=3']
    arrays: list[DiagnosticArray] = []
    client.node.create_subscription(DiagnosticArray, '/diagnostics', arrays.append, 10)
    start = time.monotonic()
    nodes = [processes.start('-m', 'davss_ros', 'davss_node', '--ros-args', *words) for _ in range(2)]
    for node in nodes:  # both before one of them ends
        for line in mistakes.values():
            node.wait_for(line)
    arrays.clear()
    client.run_until(lambda: len(arrays) > 2 * LOOKS)  # of two nodes, so that each has looked that often at least
    for node in nodes:
        assert node.stop() == 0
        most = 1 + (time.monotonic() - start) // COMPLAINTS_PERIOD  # looked for every second, said once a period
        assert all(1 <= node.said().count(word) <= most for word in mistakes)
    statuses = [status for array in arrays for status in array.status]
    assert {(status.name, status.level) for status in statuses} == {('/davss: node', DiagnosticStatus.WARN)}
    assert all(any(line in status.message for status in statuses) for line in mistakes.values())
