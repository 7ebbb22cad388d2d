# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The worker with real segmenters of tiny networks and cameras that hear nothing."""

import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from torch import Tensor

from davss_ros.core.background import KeyThread
from davss_ros.core.model import Model
from davss_ros.core.node_config import NodeConfig
from davss_ros.ros import worker as module
from davss_ros.ros.worker import Worker


def image(shade: int = 100, height: int = 32, width: int = 48) -> Image:
    message = Image(header=Header(frame_id='front'), height=height, width=width, encoding='mono8', step=width)
    message.data = array('B', np.full(height * width, shade, np.uint8).tobytes())
    return message


@contextmanager
def working(worker: Worker) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=worker.work, daemon=True)  # a hanging one must not hang the suite
    thread.start()
    try:
        yield thread
    finally:
        worker.close()
        thread.join(timeout=20)
    assert not thread.is_alive()


def wait_until(done: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, 'in vain'
        time.sleep(0.003)


class Endless:
    """A camera that is never out of frames, and counts how often it was asked."""

    waiting = True

    def __init__(self) -> None:
        self.taken = 0
        self.busy = threading.Event()

    def take(self) -> None:
        self.taken += 1
        self.busy.set()
        time.sleep(0.002)


class Unfair:
    """A lock that the worker gets at once, and others only if they look while it is free: as unfair as one may be."""

    def __init__(self) -> None:
        self._lock, self.favourite = threading.Lock(), -1

    def __enter__(self) -> None:
        if threading.get_ident() == self.favourite:
            self._lock.acquire()
            return
        wait_until(lambda: self._lock.acquire(blocking=False))

    def __exit__(self, *error: object) -> None:
        self._lock.release()


def test_a_pause_is_granted_although_frames_never_run_out() -> None:
    worker, camera = Worker(), Endless()
    worker.assign((camera,), batching=False)  # type: ignore[arg-type]  # as much of a camera as the worker sees
    lock = Unfair()
    worker._serving = lock  # type: ignore[assignment]  # a stand-in
    with working(worker) as thread:
        lock.favourite = thread.ident or 0
        for _ in range(20):
            camera.busy.clear()
            assert camera.busy.wait(20)
            before = camera.taken
            with worker.paused():
                granted = camera.taken
                time.sleep(0.005)
                assert camera.taken == granted  # nothing is served in a pause
            assert granted - before <= 5  # the frame in hand, not every frame that came meanwhile


def test_pauses_that_overlap_all_end_before_the_work_goes_on(tiny_model: Model, camera_of: Callable[..., Any]) -> None:
    worker = Worker()
    camera = camera_of(tiny_model, worker)
    worker.assign((camera,), batching=False)
    inside, end = threading.Event(), threading.Event()

    def pause() -> None:
        with worker.paused():
            inside.set()
            end.wait(20)

    with working(worker):
        other = threading.Thread(target=pause)
        other.start()
        assert inside.wait(20)
        camera._receive(image())
        time.sleep(0.1)
        assert camera.statistics.report().published == 0
        end.set()
        with worker.paused():
            pass
        other.join(timeout=20)
        wait_until(lambda: bool(camera.outputs.published))
    assert camera.statistics.report().received == 1


def test_close_ends_the_work_with_or_without_frames() -> None:
    for camera in (Endless(), None):
        worker = Worker()
        worker.assign((camera,) if camera else (), batching=False)  # type: ignore[arg-type]  # as above
        with working(worker) as thread:
            worker.close()
            thread.join(timeout=20)
            assert not thread.is_alive()


def test_frames_that_come_while_it_waits_wake_it(tiny_model: Model, camera_of: Callable[..., Any]) -> None:
    worker = Worker()
    cameras = [camera_of(tiny_model, worker, name) for name in ('front', 'left')]
    worker.assign(cameras, batching=False)
    with working(worker):
        for number in range(6):
            cameras[number % 2]._receive(image())
            wait_until(lambda: cameras[number % 2].outputs.published[number // 2 :])  # noqa: B023  # called in this turn only
    assert [len(camera.outputs.published) for camera in cameras] == [3, 3]


def groups_of(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Record the cameras' names of every batch, and run it."""
    groups: list[list[str]] = []
    run = module._segment
    monkeypatch.setattr(module, '_segment', lambda jobs: (groups.append([j.camera.name for j in jobs]), run(jobs)))
    return groups


def test_frames_of_one_working_size_that_wait_together_are_one_batch(
    tiny_model: Model, camera_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, groups = Worker(), groups_of(monkeypatch)
    heights = {'front': 0, 'left': 0, 'wide': 0, 'small': 32, 'idle': 0}
    cameras = {name: camera_of(tiny_model, worker, name, working_height=h) for name, h in heights.items()}
    sizes = {'front': (32, 48), 'left': (32, 48), 'wide': (32, 64), 'small': (64, 96)}
    for batching, expected in (
        (True, [['front', 'left', 'small'], ['wide']]),  # 64x96 at a working height of 32 is 32x48
        (False, [['front'], ['left'], ['wide'], ['small']]),
    ):
        worker.assign(tuple(cameras.values()), batching=batching)
        for number, (name, (height, width)) in enumerate(sizes.items()):
            cameras[name]._receive(image(25 + 50 * number, height, width))
        groups.clear()
        while worker._has_work():
            worker.serve()
        assert groups == expected
    for number, (name, size) in enumerate(sizes.items()):
        published = cameras[name].outputs.published
        assert [result.labels.shape for _, result, _ in published] == [size] * 2
        shade = (25 + 50 * number) * 11 // 255  # each camera has its own image's labels
        assert all((result.labels == shade).all() for _, result, _ in published)
    assert not cameras['idle'].outputs.published


def shades(cameras: list[Any]) -> list[list[int]]:
    """Of the images that each camera has published."""
    return [[int(image[0, 0, 0]) for image, _, _ in camera.outputs.published] for camera in cameras]


def test_cameras_take_turns_each_with_its_oldest_frame(tiny_model: Model, camera_of: Callable[..., Any]) -> None:
    worker = Worker()
    cameras = [camera_of(tiny_model, worker, name) for name in ('front', 'left')]
    worker.assign(cameras, batching=False)
    for shade in (10, 20, 30):
        cameras[0]._receive(image(shade))
    cameras[1]._receive(image(40))
    for expected in ([[10], []], [[10], [40]], [[10, 20], [40]], [[10, 20, 30], [40]]):
        worker.serve()
        assert shades(cameras) == expected


def test_a_frame_is_taken_when_its_turn_comes_not_when_that_of_others_does(
    tiny_model: Model, camera_of: Callable[..., Any]
) -> None:
    newest = NodeConfig(policy='drop_old')
    worker = Worker()
    cameras = [camera_of(tiny_model, worker, name, node=newest) for name in ('front', 'left')]
    worker.assign(cameras, batching=False)
    for camera in cameras:
        camera._receive(image(10))
    worker.serve()
    for camera in cameras:
        camera._receive(image(20))  # while the first one's was segmented
    worker.serve()
    assert shades(cameras) == [[10], [20]]
    worker.serve()
    assert shades(cameras) == [[10, 20], [20]]


def test_what_the_middleware_throws_at_a_frame_fails_it_alone(tiny_model: Model, camera_of: Callable[..., Any]) -> None:
    worker = Worker()
    camera = camera_of(tiny_model, worker)
    worker.assign((camera,), batching=False)
    ask, camera.outputs.watched = camera.outputs.watched, lambda: 1 / 0
    with working(worker):
        camera._receive(image())
        wait_until(lambda: camera.statistics.report().unfinished)
        camera.outputs.watched = ask
        camera._receive(image())
        wait_until(lambda: camera.outputs.published)
    report = camera.statistics.report()
    assert (report.published, report.unfinished) == (1, {'failed': 1})
    assert 'frame failed: ZeroDivisionError' in report.last_error


def test_a_group_that_fails_counts_every_frame_of_it_and_says_whose(
    tiny_model: Model, camera_of: Callable[..., Any]
) -> None:
    def broken(arguments: Any) -> Any:
        raise RuntimeError('device lost')

    worker = Worker()
    cameras = [camera_of(replace(tiny_model, key=broken), worker, name) for name in ('front', 'left')]
    other = camera_of(tiny_model, worker, 'other')
    worker.assign((*cameras, other), batching=True)
    for camera in cameras:
        camera._receive(image())
    other._receive(image(height=48))
    worker.serve()
    for camera in cameras:
        report = camera.statistics.report()
        assert (report.unfinished, report.failures, report.waiting) == ({'failed': 1}, 1, 0)
        assert report.last_error == f'{camera.name} (/{camera.name}/image): frame failed: RuntimeError: device lost'
    assert other.statistics.report().published == 1


def test_a_frame_that_the_method_refuses_is_no_failure(
    tiny_model: Model, camera_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker()
    camera = camera_of(tiny_model, worker)
    worker.assign((camera,), batching=False)
    camera._receive(image(height=32))
    worker.serve()
    monkeypatch.setattr('davss_ros.ros.camera.check_frame', lambda frame: None)
    camera._receive(image(height=8))
    worker.serve()
    report = camera.statistics.report()
    assert (report.unfinished, report.failures) == ({'refused': 1}, 0)
    assert 'expected sides of 16' in report.last_error
    camera._receive(image(height=32))
    worker.serve()
    assert [result.key_reason for _, result, _ in camera.outputs.published] == ['first', '']


def test_an_output_that_cannot_be_sent_fails_that_frame_alone(tiny_model: Model, camera_of: Callable[..., Any]) -> None:
    worker = Worker()
    camera = camera_of(tiny_model, worker)
    worker.assign((camera,), batching=False)
    send, camera.outputs.publish = camera.outputs.publish, lambda *arguments: 1 / 0
    camera._receive(image())
    worker.serve()
    camera.outputs.publish = send
    camera._receive(image())
    worker.serve()
    report = camera.statistics.report()
    assert (report.published, report.unfinished, report.failures) == (1, {'failed': 1}, 0)


def test_key_frames_in_the_background_fail_a_frame_of_their_own_camera(
    tiny_model: Model, camera_of: Callable[..., Any]
) -> None:
    worker, broken = Worker(), threading.Event()

    def key(image: Tensor) -> Tensor:
        if broken.is_set() and threading.current_thread().name.startswith('davss_key_frames'):
            raise RuntimeError('device lost')
        return tiny_model.key(image)

    settings = {'key_interval': 3, 'key_frame_mode': 'background', 'key_frame_lag': 1}
    model = replace(tiny_model, key=key, key_thread=KeyThread())
    cameras = [camera_of(model, worker, 'front', **settings), camera_of(model, worker, 'left', key_interval=100)]
    worker.assign(cameras, batching=False)
    for number in range(9):
        if number == 6:
            broken.set()
        for camera in cameras:
            camera._receive(image())
        for _ in cameras:
            worker.serve()
        model.key_thread.close()  # waits
    front, left = (camera.statistics.report() for camera in cameras)
    assert left.published == 9 and not left.unfinished
    assert (front.published, front.unfinished) == (8, {'failed': 1})
    assert 'RuntimeError: device lost' in front.last_error
    assert front.key_frames == {'first': 1, 'interval': 1, 'failure': 1}  # counted where they take over
    distances = [result.distance for _, result, _ in cameras[0].outputs.published]
    assert distances == [0, 1, 2, 3, 1, 2, 3, 0]
