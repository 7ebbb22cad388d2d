# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Key frames beside the stream, held against inline ones: what took over must be what an inline key frame carried."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from davss_ros.core.background import KeyThread, Scores
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model, load_model
from davss_ros.core.result import FrameResult
from davss_ros.core.segmenter import VideoSegmenter, step_together
from davss_ros.errors import EngineError
from davss_ros.networks.interface import KeyNetwork, Propagated

Frames = list[NDArray[np.uint8]]
INTERVAL, LAG = 5, 2
CONFIG = SegmenterConfig(
    device='cpu',
    precision='float32',
    key_interval=INTERVAL,
    cut_distortion=1.0,
    key_frame_mode='background',
    key_frame_lag=LAG,
)
WAIT = 30.0  # s, of a test that has gone wrong


@pytest.fixture(scope='module')
def loaded() -> Model:
    return load_model(CONFIG)


@pytest.fixture
def model(loaded: Model) -> Model:
    return replace(loaded, key_thread=KeyThread())


def segmenter(model: Model, **changes: object) -> VideoSegmenter:
    return VideoSegmenter(replace(CONFIG, **changes), model=model)  # type: ignore[arg-type]  # values of many types


class Gated:
    """A key network that waits, in any thread but this one, until it is let through."""

    def __init__(self, model: Model) -> None:
        self.open = threading.Event()
        self.threads: list[str] = []
        self._key, self._own = model.key, threading.current_thread()

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        self.threads.append(threading.current_thread().name)
        if threading.current_thread() is not self._own:
            assert self.open.wait(WAIT)
        return self._key(image)


class Never(KeyThread):
    """Keeps what it is to segment, and never begins."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Future[Scores]] = []

    def start(self, key: KeyNetwork, image: torch.Tensor) -> 'Future[Scores]':
        self.kept.append(Future())
        return self.kept[-1]


def finished(model: Model) -> None:
    """Return once the thread is through with all that was begun."""
    model.key_thread.start(lambda image: image, torch.zeros(1)).result(WAIT)


@pytest.mark.parametrize('propagation', ['composed', 'step', 'renewed'])
def test_what_takes_over_is_what_an_inline_key_frame_carried(model: Model, street: Frames, propagation: str) -> None:
    model = replace(model, propagation=propagation)
    background = segmenter(model, mode='flow')
    results = [background.step(frame) for frame in street]
    reasons = [result.key_reason for result in results]
    assert reasons == ['first', '', '', '', '', '', '', 'interval', '', '', '', '']
    assert [result.is_key for result in results] == [True] + [False] * 11
    assert [result.distance for result in results] == [0, 1, 2, 3, 4, 5, 6, 2, 3, 4, 5, 6]
    for first, places in ((0, range(7)), (5, range(7, 12))):
        inline = segmenter(model, mode='flow', key_frame_mode='inline', key_interval=100)
        expected = dict(zip(range(first, 12), map(inline.step, street[first:]), strict=True))
        for place in places:
            different = (results[place].labels != expected[place].labels).mean()
            assert different == 0 if propagation == 'composed' else different < 0.01  # fewer steps were resampled


def test_a_replay_repeats_however_fast_the_key_network_is(model: Model, street: Frames) -> None:
    def slow(image: torch.Tensor) -> torch.Tensor:
        time.sleep(0.2)
        return model.key(image)

    runs = []
    for key in (model.key, slow, model.key):
        video = segmenter(replace(model, key=key))
        runs.append([video.step(frame) for frame in street])
    for results in runs[1:]:
        for ours, expected in zip(results, runs[0], strict=True):
            np.testing.assert_array_equal(ours.labels, expected.labels)
            assert (ours.distance, ours.key_reason) == (expected.distance, expected.key_reason)


def test_without_a_lag_no_frame_waits_and_the_first_that_finds_it_done_takes_it(model: Model, street: Frames) -> None:
    gated = Gated(model)
    video = segmenter(replace(model, key=gated), key_frame_lag=0)
    distances = [video.step(frame).distance for frame in street[:9]]
    assert distances == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    gated.open.set()
    finished(model)
    result = video.step(street[9])
    assert (result.distance, result.key_reason, result.is_key) == (4, 'interval', False)
    assert gated.threads[0] == 'MainThread' and gated.threads[1].startswith('davss_key_frames')
    assert len(gated.threads) == 2  # nothing more was begun meanwhile
    assert video.step(street[10]).distance == 5


def test_with_a_lag_the_frame_waits(model: Model, street: Frames) -> None:
    gated = Gated(model)
    video = segmenter(replace(model, key=gated))
    for frame in street[:7]:
        video.step(frame)
    results: list[FrameResult] = []
    waiting = threading.Thread(target=lambda: results.append(video.step(street[7])))
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive() and not results
    gated.open.set()
    waiting.join(WAIT)
    assert results[0].distance == LAG


@pytest.mark.parametrize('lag', [0, LAG])
def test_what_the_key_network_throws_is_the_error_of_a_frame(model: Model, street: Frames, lag: int) -> None:
    def broken(image: torch.Tensor) -> torch.Tensor:
        raise RuntimeError('device lost')

    video = segmenter(model, key_frame_lag=lag)
    for frame in street[:INTERVAL]:
        video.step(frame)
    video.model = replace(model, key=broken)
    video.step(street[5])  # begins
    video.model = model
    finished(model)
    for frame in street[6 : 5 + (lag or 1)]:
        video.step(frame)
    with pytest.raises(RuntimeError, match='device lost'):
        video.step(street[5 + (lag or 1)])
    recovered = video.step(street[8])
    assert (recovered.is_key, recovered.key_reason) == (True, 'failure')
    assert not video.step(street[9]).is_key


def test_after_a_reset_nothing_of_what_was_in_work_remains(model: Model, street: Frames) -> None:
    gated = Gated(model)
    video = segmenter(replace(model, key=gated))
    for frame in street[:7]:
        video.step(frame)
    video.reset()  # while the key network is at work
    gated.open.set()
    fresh = segmenter(model)
    for frame in street[7:]:
        ours, expected = video.step(frame), fresh.step(frame)
        np.testing.assert_array_equal(ours.labels, expected.labels)
        assert ours.distance == expected.distance
    assert fresh.step(street[0]).distance == INTERVAL


@pytest.mark.parametrize('reason', ['reset', 'size'])
def test_what_nobody_waits_for_any_more_is_not_segmented(model: Model, street: Frames, reason: str) -> None:
    never = Never()
    video = segmenter(replace(model, key_thread=never))
    for frame in street[:7]:
        video.step(frame)
    assert [future.cancelled() for future in never.kept] == [False]
    if reason == 'reset':
        video.reset()
    else:
        video.step(np.ascontiguousarray(street[7][:96, :128]))
    assert [future.cancelled() for future in never.kept] == [True]


def test_a_cut_on_the_frame_that_began_in_the_background_is_all_there_is(
    model: Model, street: Frames, distorted: Callable[[Model, float], Model]
) -> None:
    never = Never()
    video = segmenter(replace(distorted(model, 0.6), key_thread=never), key_interval=1, cut_distortion=0.5)
    assert [video.step(frame).key_reason for frame in (street[0], 255 - street[0])] == ['first', 'cut']
    assert [future.cancelled() for future in never.kept] == [True]
    video.reconfigure(replace(video.config, key_interval=100, cut_distortion=1.0))
    assert [video.step(frame).distance for frame in street[1:5]] == [1, 2, 3, 4]


def test_what_takes_over_carries_the_image_of_its_own_key_frame(model: Model) -> None:
    carried: list[float] = []

    def still(image: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(image), 2, image.shape[2] // 4, image.shape[3] // 4)

    def trusting(propagated: Propagated, image: torch.Tensor) -> torch.Tensor:
        carried.append(255 * float(propagated.image.mean()))
        return torch.zeros_like(image[:, :1])

    plain = replace(model, flow=still, distortion=trusting, gate=None, corrects=False, propagation='composed')
    video = segmenter(plain, key_frame_policy='fixed')
    for number in range(INTERVAL + LAG + 2):
        video.step(np.full((32, 48, 3), 20 * number, np.uint8))
    last = 20.0 * INTERVAL
    assert carried == pytest.approx([*[0.0] * (INTERVAL + LAG - 1), last, last], abs=0.1)


def test_a_frame_with_two_reasons_begins_once(
    model: Model, street: Frames, distorted: Callable[[Model, float], Model]
) -> None:
    never = Never()
    doubtful = replace(distorted(model, 0.2), key_thread=never)
    video = segmenter(doubtful, key_frame_policy='adaptive', key_frame_age=INTERVAL, key_frame_lag=0)
    for frame in street[:7]:
        video.step(frame)
    assert len(never.kept) == 1


def test_what_cannot_wait_is_inline(model: Model, street: Frames, distorted: Callable[[Model, float], Model]) -> None:
    video = segmenter(model, longest_gap=1.0)
    for place, frame in enumerate(street[:6]):
        video.step(frame, 1 + place * 10**8)
    smaller = np.ascontiguousarray(street[6][:96, :128])
    for frame, stamp, reason in ((smaller, 7e8, 'size'), (smaller, 9e9, 'gap'), (smaller, 8e9, 'back')):
        result = video.step(frame, int(stamp))
        assert (result.is_key, result.key_reason, result.distance) == (True, reason, 0)
    cut = segmenter(distorted(model, 0.6), cut_distortion=0.5)
    assert [cut.step(frame).key_reason for frame in (street[0], 255 - street[0])] == ['first', 'cut']


def test_two_threads_are_never_in_the_key_network_at_once(model: Model, street: Frames) -> None:
    inside, most = 0, 0

    def counted(image: torch.Tensor) -> torch.Tensor:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.1)
        scores = model.key(image)
        inside -= 1
        return scores

    video = segmenter(replace(model, key=counted), key_frame_lag=0)
    for frame in street[:6]:  # the last one begins in the background
        video.step(frame)
    video.reset()
    assert video.step(street[6]).is_key
    assert most == 1


@pytest.mark.parametrize(('mode', 'reason'), [('hold', 'interval'), ('per_frame', 'interval')])
def test_modes_without_flow_are_inline(model: Model, street: Frames, mode: str, reason: str) -> None:
    ours, expected = segmenter(model, mode=mode), segmenter(model, mode=mode, key_frame_mode='inline')
    for frame in street[:7]:
        result = ours.step(frame)
        np.testing.assert_array_equal(result.labels, expected.step(frame).labels)
    assert result.distance == (0 if mode == 'per_frame' else 1)


def test_the_mode_changes_between_frames(model: Model, street: Frames) -> None:
    gated = Gated(model)
    video = segmenter(replace(model, key=gated), key_frame_lag=0)
    for frame in street[:6]:
        video.step(frame)
    video.reconfigure(replace(video.config, key_frame_mode='inline'))
    gated.open.set()
    finished(model)
    result = video.step(street[6])
    assert (result.distance, result.key_reason) == (1, 'interval')  # what was begun takes over all the same
    assert [video.step(frame).is_key for frame in street[7:11]] == [False, False, False, True]


def test_a_shorter_lag_or_inline_holds_for_what_was_begun_too(model: Model, street: Frames) -> None:
    for change in ({'key_frame_lag': 2}, {'key_frame_mode': 'inline'}):
        video = segmenter(model, key_frame_lag=1000)
        for frame in street[:8]:
            video.step(frame)
        video.reconfigure(replace(video.config, **change))
        result = video.step(street[8])
        assert (result.key_reason, result.distance) == ('interval', 3)


def test_scores_that_are_no_numbers_fail_the_frame_on_which_they_would_take_over(model: Model, street: Frames) -> None:
    broken = replace(model, key=lambda image: model.key(image) * float('nan'))
    with pytest.raises(EngineError, match='key: NaN or infinity among the scores'):
        segmenter(broken, key_frame_lag=2).step(street[0])
    video = segmenter(model, key_frame_lag=2)
    for frame in street[:5]:
        video.step(frame)
    video.model = replace(broken, key_thread=model.key_thread)
    for frame in street[5:7]:
        video.step(frame)
    with pytest.raises(EngineError, match='key: NaN or infinity among the scores'):
        video.step(street[7])


def test_cameras_share_the_thread_and_do_not_disturb_each_other(model: Model, street: Frames) -> None:
    turned = [street, [np.ascontiguousarray(frame[:, ::-1]) for frame in street]]
    together = [VideoSegmenter(CONFIG, model=model, key_phase=phase) for phase in (0, 3)]
    alone = [VideoSegmenter(CONFIG, model=replace(model, key_thread=KeyThread()), key_phase=phase) for phase in (0, 3)]
    for frames in zip(*turned, strict=True):
        batch = step_together(together, frames, [0, 0])
        for video, frame, ours in zip(alone, frames, batch, strict=True):
            expected = video.step(frame)
            assert (ours.distance, ours.key_reason) == (expected.distance, expected.key_reason)
            assert (ours.labels != expected.labels).mean() < 1e-3  # convolutions of a batch round differently


def test_a_closed_thread_has_ended_and_begins_anew(model: Model, street: Frames) -> None:
    gated = Gated(model)
    video = segmenter(replace(model, key=gated), key_frame_lag=0)
    for frame in street[:6]:
        video.step(frame)
    before = set(threading.enumerate())
    gated.open.set()
    model.key_thread.close()
    ended = before - set(threading.enumerate())
    assert any(thread.name.startswith('davss_key_frames') for thread in ended)
    assert video.step(street[6]).distance == 1  # it was finished
    for frame in street[7:11]:
        video.step(frame)
    finished(model)
    assert video.step(street[11]).distance == 1


def test_closing_waits_for_what_has_begun_and_forgets_the_rest() -> None:
    thread, opened = KeyThread(), threading.Event()

    def waiting(image: torch.Tensor) -> torch.Tensor:
        assert opened.wait(WAIT)
        return image

    begun, queued = (thread.start(waiting, torch.ones(1)) for _ in range(2))
    closing = threading.Thread(target=thread.close)
    closing.start()
    with pytest.raises(CancelledError):
        queued.result(WAIT)
    assert not begun.done()
    opened.set()
    closing.join(WAIT)
    assert begun.done() and begun.result()[0] == 1


def test_adaptive_key_frames_come_in_the_background_too(
    model: Model, street: Frames, distorted: Callable[[Model, float], Model]
) -> None:
    video = segmenter(distorted(model, 0.2), key_frame_policy='adaptive', key_frame_lag=1)
    results = [video.step(frame) for frame in street]
    assert [result.key_reason for result in results if result.key_reason] == ['first', 'distortion', 'distortion']
    assert [result.distance for result in results] == [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1]
