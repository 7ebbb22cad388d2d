# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Several workers: at work at once, each on cameras of its own, paused and ended together."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from test_worker import image, wait_until, working  # beside this file
from torch import Tensor

from davss_ros.core.background import KeyThread
from davss_ros.core.model import Model
from davss_ros.engines.threads import thread_count, use_threads
from davss_ros.ros.workers import Workers

CORES = 4


@pytest.fixture
def workers() -> Iterator[Workers]:
    before = thread_count()
    use_threads(CORES)
    workers = Workers()
    yield workers
    workers.close()
    use_threads(before)


def helpers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith('davss_worker')}


def test_frames_of_two_workers_are_segmented_at_once(
    workers: Workers, tiny_model: Model, camera_of: Callable[..., Any]
) -> None:
    together, threads = threading.Barrier(2), set()

    def key(images: Tensor) -> Tensor:
        threads.add((threading.get_ident(), torch.get_num_threads()))
        together.wait(20)  # for the other worker's frame; one after the other they would wait in vain
        return tiny_model.key(images)

    cameras = []
    for number, worker in enumerate(workers.muster(2)):
        model = replace(tiny_model, key=key, key_thread=KeyThread())
        cameras.append(camera_of(model, worker, f'camera{number}'))
        worker.assign(cameras[-1:], batching=False)
    with working(workers):
        for camera in cameras:
            camera._receive(image())
        wait_until(lambda: all(camera.outputs.published for camera in cameras))
    assert len(threads) == 2
    assert {count for _, count in threads} == {CORES // 2}  # the cores are shared out
    assert not helpers()


def test_a_pause_holds_all_and_after_it_all_go_on(
    workers: Workers, tiny_model: Model, camera_of: Callable[..., Any]
) -> None:
    cameras = []
    for number, worker in enumerate(workers.muster(3)):
        cameras.append(camera_of(tiny_model, worker, f'camera{number}'))
        worker.assign(cameras[-1:], batching=False)
    with working(workers):
        with workers.paused():
            for camera in cameras:
                camera._receive(image())
            threading.Event().wait(0.2)
            assert not any(camera.outputs.published for camera in cameras)
        wait_until(lambda: all(camera.outputs.published for camera in cameras))
        with workers.paused():
            workers.relieve()
        for camera in cameras:
            camera._receive(image())
        threading.Event().wait(0.2)
        assert [len(camera.outputs.published) for camera in cameras] == [1, 1, 1]


def test_what_ends_the_main_worker_ends_the_others(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    workers.muster(3)
    assert len(helpers()) == 2
    monkeypatch.setattr(workers._main, 'work', lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        workers.work()
    assert not helpers()


def test_a_pause_is_asked_of_all_before_any_is_waited_for(workers: Workers) -> None:
    first, second = workers.muster(2)
    with first._serving:  # a frame in hand
        pause = threading.Thread(target=lambda: workers.paused().__enter__(), daemon=True)
        pause.start()
        wait_until(lambda: second._pauses)
        assert pause.is_alive()
    pause.join(timeout=20)
    assert not pause.is_alive()


def test_there_are_as_many_as_were_mustered_last(workers: Workers) -> None:
    with working(workers):
        for count in (3, 1, 2):
            assert len(set(workers.muster(count))) == count
            assert len(helpers()) == count - 1
            assert thread_count() == CORES // count
    assert not helpers()
    workers.muster(2)  # of a node that was just told to end
    wait_until(lambda: not helpers())


def test_a_node_gives_each_worker_cameras_and_a_model_and_takes_them_back(
    tiny_model: Model, running: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = thread_count()
    node = running(tiny_model, cameras=['front', 'left', 'right'], workers=2)
    try:
        served = [[camera.name for camera in worker._cameras] for worker in node.workers._all()]
        assert served == [['front', 'right'], ['left']]
        assert list(node.cameras) == ['front', 'left', 'right']
        loaded = [replace(tiny_model, name='one'), replace(tiny_model, name='other')]
        monkeypatch.setattr('davss_ros.ros.cameras.load_model', lambda config: loaded.pop())
        for transition in (node.trigger_deactivate, node.trigger_cleanup, node.trigger_configure):
            transition()
        models = [node.cameras[name].segmenter.model.name for name in ('front', 'left', 'right')]
        assert models == ['other', 'one', 'other']
        phases = [node.cameras[name].segmenter._schedule._phase for name in ('front', 'left', 'right')]
        assert len(set(phases)) == 3
        node.trigger_cleanup()
        assert not any(worker._cameras for worker in node.workers._all())
    finally:
        node.workers.close()
        use_threads(before)
