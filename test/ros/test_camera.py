# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A camera that hears only what it is given: what is counted, and what makes a key frame."""

import json
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.core.node_config import NodeConfig
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.ros.encode import encode
from davss_ros.ros.worker import Worker

_Make = Callable[..., Any]


def image(number: int = 0, encoding: str = 'mono8', bad: bool = False) -> Image:
    message = Image(header=Header(frame_id='front'), height=32, width=48, encoding=encoding, step=48)
    message.header.stamp.sec, message.header.stamp.nanosec = divmod((number + 10) * 10**8 + 7, 10**9)
    message.data = array('B', bytes(32 * 48 - bad))
    return message


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def camera(tiny_model: Model, camera_of: _Make, worker: Worker) -> Any:
    camera = camera_of(
        tiny_model, worker, 'front', key_interval=100, node=NodeConfig(policy='every_frame', queue_length=3)
    )
    worker.assign((camera,), batching=False)
    return camera


def reasons(camera: Any) -> list[str]:
    return [result.key_reason for _, result, _ in camera.outputs.published]


def test_every_frame_that_does_not_come_out_is_counted_once_by_its_reason(camera: Any, worker: Worker) -> None:
    for number in range(5):
        camera._receive(image(number))  # two more than the queue holds
    while camera.waiting:
        worker.serve()
    camera.outputs.subscribed = False
    camera._receive(image(5))
    worker.serve()
    camera.outputs.subscribed = True
    camera.enable(False)
    for number in range(3):
        camera._receive(image(number))
    camera.enable(True)
    camera._receive(image(6, bad=True))
    worker.serve()
    camera._lose(4)
    camera._receive(image(7))
    camera._receive(image(8))
    assert camera.statistics.report().waiting == 2
    camera.deactivate()
    report = camera.statistics.report()
    expected = {'dropped': 2, 'unwatched': 1, 'disabled': 3, 'refused': 1, 'lost': 4, 'inactive': 2}
    assert (report.received, report.published, report.unfinished) == (12, 3, expected)
    assert report.waiting == 0 and not camera.waiting


def test_sixteen_bits_go_by_the_bit_depth_of_the_camera(tiny_model: Model, camera_of: _Make, worker: Worker) -> None:
    def message(values: list[int], encoding: str = 'mono16') -> Image:
        made = image(encoding=encoding)
        pixels = np.resize(np.array(values, np.uint16), (32, 48)).astype('<u2')
        made.step, made.data = 96, array('B', pixels.tobytes())
        return made

    for setting, expected in (('auto', [4095 >> 4, 600 >> 4]), (10, [255, 600 >> 2])):
        camera = camera_of(tiny_model, worker, 'front', node=NodeConfig(policy='every_frame', bit_depth=setting))
        worker.assign((camera,), batching=False)
        for values in ([4095], [600]):
            camera._receive(message(values))
            worker.serve()
        assert [int(shown.max()) for shown, _, _ in camera.outputs.published] == expected
        camera._receive(message([600], '16UC1'))  # depth, unless its bits are set
        worker.serve()
        assert camera.statistics.report().unfinished.get('refused', 0) == (1 if setting == 'auto' else 0)


def test_outputs_are_in_order_under_their_own_headers(camera: Any, worker: Worker) -> None:
    messages = [image(number) for number in range(3)]
    for message in messages:
        camera._receive(message)
    while camera.waiting:
        worker.serve()
    assert [header for _, _, header in camera.outputs.published] == [message.header for message in messages]
    assert [result.stamp for _, result, _ in camera.outputs.published] == [n * 10**8 + 7 for n in (10, 11, 12)]


def test_after_dropped_frames_the_flow_is_from_the_last_one_that_was_served(
    tiny_model: Model, camera_of: _Make, worker: Worker, street: list[Any]
) -> None:
    camera = camera_of(tiny_model, worker, key_interval=100, node=NodeConfig(policy='drop_old'))
    worker.assign((camera,), batching=False)
    alone = VideoSegmenter(SegmenterConfig(device='cpu', key_interval=100), model=tiny_model)
    for first, last in ((0, 0), (1, 4), (5, 6), (7, 10)):  # come together: all but the last are dropped
        for number in range(first, last + 1):
            message = encode(street[number], Header(frame_id='front'))
            message.header.stamp.sec, message.header.stamp.nanosec = 1, number * 10**8
            camera._receive(message)
        worker.serve()
        expected = alone.step(street[last], 10**9 + last * 10**8)
        _, result, header = camera.outputs.published[-1]
        assert header.stamp.nanosec == last * 10**8
        np.testing.assert_array_equal(result.labels, expected.labels)
        np.testing.assert_array_equal(result.distortion, expected.distortion)
    assert reasons(camera) == ['first', '', '', '']
    assert camera.statistics.report().unfinished == {'dropped': 3 + 1 + 3}


def test_what_was_forced_holds_for_the_next_good_frame_and_for_that_one_only(camera: Any, worker: Worker) -> None:
    for number, forced in enumerate(['', '', 'reset', '', 'enabled', '']):
        if forced:
            camera.force_key(forced)
            camera._receive(image(number, bad=True))
        camera._receive(image(number))
        while camera.waiting:
            worker.serve()
    assert reasons(camera) == ['first', '', 'reset', '', 'enabled', '']


def test_after_frames_that_nobody_wanted_comes_a_key_frame(camera: Any, worker: Worker) -> None:
    for number, subscribed in enumerate([False, True, True, False, False, True, True]):
        camera.outputs.subscribed = subscribed
        if number == 4:
            camera.force_key('reset')
        camera._receive(image(0))  # of one stamp, so that time tells nothing
        worker.serve()
    assert reasons(camera) == ['unwatched', '', 'reset', '']


def test_what_is_forced_while_a_frame_is_prepared_holds_for_the_next(
    camera: Any, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    reset = camera.segmenter.reset
    monkeypatch.setattr(camera.segmenter, 'reset', lambda reason: (reset(reason), camera.force_key('clock')))
    camera.force_key('reset')
    camera._receive(image(0))
    worker.serve()
    monkeypatch.setattr(camera.segmenter, 'reset', reset)
    for number in (1, 2):
        camera._receive(image(number))
        worker.serve()
    assert reasons(camera) == ['reset', 'clock', '']


def test_another_encoding_forces_a_key_frame_but_a_bad_frame_of_another_does_not(camera: Any, worker: Worker) -> None:
    for number, (encoding, bad) in enumerate(
        [('mono8', False), ('8UC1', False), ('8UC1', False), ('rgb8', True), ('8UC1', False), ('mono8', False)]
    ):
        camera._receive(image(number, encoding, bad))
        worker.serve()
    assert reasons(camera) == ['first', 'encoding', '', '', 'encoding']


def test_complaints_name_the_camera_and_are_throttled(
    camera: Any, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr('time.monotonic', lambda: now)
    for number in range(40):
        now = 100 + number * 0.1
        camera._receive(image(bad=True))
        worker.serve()
    logged = camera._node.logged
    assert len(logged) == 4
    assert all(line.startswith('front (/front/image): frame refused: data: expected 1536') for line in logged)
    assert camera.statistics.report().unfinished == {'refused': 40}


def test_a_node_that_was_configured_anew_counts_anew(tiny_model: Model, running: _Make, client: Any) -> None:
    node = running(tiny_model, policy='every_frame')
    diagnostics: list[dict[str, str]] = []

    def note(message: DiagnosticArray) -> None:
        diagnostics.extend(
            {pair.key: pair.value for pair in s.values} for s in message.status if s.name == '/davss: /image'
        )

    client.node.create_subscription(DiagnosticArray, '/diagnostics', note, 10)
    camera = node.cameras['']
    for _ in range(7):
        camera._receive(image())
    client.run_until(lambda: bool(diagnostics) and diagnostics[-1]['received'] == '7')
    assert json.loads(diagnostics[-1]['not published']) == {'unwatched': 7}, diagnostics
    diagnostics.clear()
    steps = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)
    for step in (*steps, Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        request = ChangeState.Request(transition=Transition(id=step))
        assert client.call(ChangeState, '/davss/change_state', request).success
    client.run_until(lambda: len(diagnostics) >= 2 and diagnostics[-1]['received'] == '0')
    assert diagnostics[-1]['received'] == '0'
    assert all(float(status['rate in (Hz)']) >= 0 for status in diagnostics), diagnostics
