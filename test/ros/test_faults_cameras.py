# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Cameras that stop, die, come twice, go back in time or change, over real DDS against one node."""

import json
import signal
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

TENTH = 10**8  # ns
SETTINGS = ('policy:=every_frame', 'key_interval:=1000', 'cut_distortion:=1.0', 'longest_gap:=1.0', 'warn_silence:=1.0')
DEEP = 'qos_overrides./davss/label.publisher.depth:=200'  # whatever is slow here, no label is missed


def image(stamp: int, size: tuple[int, int] = (48, 64), encoding: str = 'rgb8') -> Image:
    """Return an image whose frame_id tells its size; ``stamp`` in ns."""
    height, width = size
    row = width * {'rgb8': 3, 'bgr8': 3, 'mono8': 1}[encoding]
    message = Image(header=Header(frame_id=f'{width}x{height}'), height=height, width=width, encoding=encoding)
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 10**9)
    pixels = np.random.default_rng(stamp).integers(0, 256, row * height, np.uint8)
    message.step, message.data = row, array('B', pixels.tobytes())
    return message


class Stage:
    """A node as a process, and a camera, a viewer and a reader of its diagnostics here."""

    def __init__(self, processes: Any, client: Any) -> None:
        self.process = processes.node(*SETTINGS, DEEP)
        self._client = client
        self.labels: list[Image] = []
        self.report: dict[str, str] = {}
        self.levels: list[str] = []
        client.node.create_subscription(Image, '/davss/label', self.labels.append, 50)
        client.node.create_subscription(DiagnosticArray, '/diagnostics', self._note, 10)
        self._camera = client.node.create_publisher(Image, '/image', 50)
        client.connect('/davss/label', camera=self._camera)
        self._now = 1000 * 10**9

    def _note(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == '/davss: /image':
                self.report = {pair.key: pair.value for pair in status.values}
                self.levels.append(f'{status.level[0]} {status.message}')

    def reasons(self) -> Counter[str]:
        """Key frames by reason, as the diagnostics tell them once everything has come through."""
        self.report = {}
        self._client.run_until(lambda: bool(self.report) and self.report['waiting'] == '0', 60)
        return Counter(json.loads(self.report['key frame reasons']))

    def play(self, *images: Image) -> list[Image]:
        """Publish images one after the other, and return their labels."""
        self.labels.clear()
        for number, message in enumerate(images):
            self._camera.publish(message)
            self._client.run_until(lambda number=number: len(self.labels) > number, 60)  # type: ignore[misc]  # mypy sees no default there
        assert len(self.labels) == len(images), self.process.said()
        for label, message in zip(self.labels, images, strict=True):
            assert label.header == message.header
            assert (label.height, label.width, len(label.data)) == (
                message.height,
                message.width,
                message.height * message.width,
            )
        return list(self.labels)

    def publish(self, message: Image) -> None:
        self._camera.publish(message)

    def serve(self, seconds: float) -> None:
        """Take what comes in that time."""
        self._client.run_until(lambda: False, seconds)

    def stamps(self, count: int) -> list[int]:
        """Stamps a tenth of a second apart, after all that were before."""
        start, self._now = self._now, self._now + count * TENTH
        return [start + (number + 1) * TENTH for number in range(count)]

    def settle(self) -> None:
        """Let what comes now differ in nothing from what came last."""
        self.play(*map(image, self.stamps(2)))

    def wait(self, done: Any, seconds: float = 90) -> None:
        self._client.run_until(done, seconds)
        assert done(), (self.process.said(), self.report)


@pytest.fixture(scope='module')
def stage(module_processes: Any, module_client: Any) -> Stage:
    """One node for all tests of this file; each looks at what it adds."""
    return Stage(module_processes, module_client)


@pytest.fixture(autouse=True)
def alive(stage: Stage) -> Iterator[None]:
    """After every test the node lives, has complained of nothing, and its counts add up."""
    yield
    assert stage.process.process.poll() is None, stage.process.said()
    assert 'Traceback' not in stage.process.said() and 'failed' not in stage.process.said()
    stage.reasons()
    left = sum(count for reason, count in json.loads(stage.report['not published']).items() if reason != 'lost')
    assert int(stage.report['received']) == int(stage.report['published']) + left
    assert stage.report['last error'] == ''


def test_a_bag_in_a_loop_has_a_key_frame_at_every_start(stage: Stage) -> None:
    stage.settle()
    before = stage.reasons()
    bag = [image(stamp) for stamp in stage.stamps(4)]
    stage.play(*bag, *bag, *bag)
    assert stage.reasons() - before == {'back': 2}


def test_a_single_stamp_that_goes_back_is_one_key_frame(stage: Stage) -> None:
    stage.settle()
    before = stage.reasons()
    first, two, three, four = stage.stamps(4)
    stage.play(*map(image, (first, three, two, four)))
    assert stage.reasons() - before == {'back': 1}


def test_stamps_that_are_all_zero_or_all_the_same_say_nothing_of_time(stage: Stage) -> None:
    stage.settle()
    before = stage.reasons()
    stage.play(*(image(0) for _ in range(6)))
    assert stage.reasons() - before == {}
    (same,) = stage.stamps(1)
    stage.play(*(image(same) for _ in range(3)))
    assert stage.reasons() - before == {}


def test_another_size_in_mid_stream_is_served_at_that_size(stage: Stage) -> None:
    stage.settle()
    before = stage.reasons()
    sizes = [(48, 64), (64, 96), (64, 96), (48, 96), (99, 131), (48, 64)]
    labels = stage.play(*(image(stamp, size) for stamp, size in zip(stage.stamps(6), sizes, strict=True)))
    assert [(label.height, label.width) for label in labels] == sizes
    assert stage.reasons() - before == {'size': 4}


def test_another_encoding_in_mid_stream_is_a_key_frame(stage: Stage) -> None:
    stage.settle()
    before = stage.reasons()
    encodings = ['rgb8', 'bgr8', 'bgr8', 'mono8', 'rgb8']
    stage.play(*(image(stamp, encoding=e) for stamp, e in zip(stage.stamps(5), encodings, strict=True)))
    assert stage.reasons() - before == {'encoding': 3}


def test_a_camera_that_stops_is_told_and_one_that_comes_back_starts_with_a_key_frame(stage: Stage) -> None:
    stage.settle()
    before = stage.reasons()
    stage.levels.clear()
    stage.wait(lambda: any('no frame for' in line for line in stage.levels))
    assert next(line for line in stage.levels if 'no frame for' in line).startswith('1 ')
    stage.stamps(30)  # three seconds without a frame
    stage.play(*map(image, stage.stamps(3)))
    assert stage.reasons() - before == {'gap': 1}
    stage.levels.clear()

    def well_again() -> bool:
        stage.play(*map(image, stage.stamps(1)))
        return any(line.startswith('0 ') for line in stage.levels)

    stage.wait(well_again)


def test_two_cameras_on_one_topic_are_both_served(stage: Stage, module_processes: Any) -> None:
    stage.settle()
    stage.labels.clear()
    other = module_processes.peer(
        'publish', '--count', '15', '--rate', '10', '--now', '--width', '96', '--height', '64'
    )
    other.wait_for('ready')
    sent = 0
    while other.process.poll() is None and sent < 100:
        stage.publish(image(time.time_ns()))
        sent += 1
        stage.serve(0.07)
    stage.wait(lambda: len(stage.labels) == sent + 15)
    sizes = Counter(label.header.frame_id for label in stage.labels)
    assert sizes == {'96x64': 15, '64x48': sent}
    assert all(label.header.frame_id == f'{label.width}x{label.height}' for label in stage.labels)


def test_a_camera_that_is_killed_in_mid_stream_can_be_replaced(stage: Stage, module_processes: Any) -> None:
    stage.settle()
    form = ('--count', '100000', '--rate', '20', '--now', '--width', '96', '--height', '64')
    for _ in range(2):
        camera = module_processes.peer('publish', *form)
        stage.labels.clear()
        stage.wait(lambda: len(stage.labels) >= 8)
        camera.stop(signal.SIGKILL)
        assert {(label.height, label.width) for label in stage.labels} == {(64, 96)}
    before = stage.reasons()
    stage.play(*map(image, stage.stamps(3)))  # whoever is left is served too
    assert (stage.reasons() - before).keys() == {'size'}
