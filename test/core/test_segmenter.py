# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import gc
import itertools
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.frames import LARGEST, to_tensor
from davss_ros.core.model import Model, load_model
from davss_ros.core.segmenter import VideoSegmenter, step_together
from davss_ros.errors import ConfigError, FrameError
from davss_ros.networks.interface import Propagated
from davss_ros.recordings.open import open_source

Frames = list[NDArray[np.uint8]]
CONFIG = SegmenterConfig(device='cpu', key_interval=4, cut_distortion=1.0)


@pytest.fixture(scope='module')
def model() -> Model:
    return load_model(CONFIG)


def segmenter(model: Model, **changes: object) -> VideoSegmenter:
    return VideoSegmenter(replace(CONFIG, **changes), model=model)  # type: ignore[arg-type]  # values of many types


def test_every_fourth_frame_is_a_key_frame(model: Model, street: Frames) -> None:
    results = list(map(segmenter(model).step, street[:9]))
    assert [r.is_key for r in results] == [True, False, False, False, True, False, False, False, True]
    assert [r.distance for r in results] == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert [r.key_reason for r in results if r.is_key] == ['first', 'interval', 'interval']


def test_result_has_the_frames_size_types_and_ranges(model: Model, street: Frames) -> None:
    video = segmenter(model)
    for number, frame in enumerate(street[:3]):
        result = video.step(frame, stamp=number * 10)
        assert result.stamp == number * 10
        assert result.labels.shape == result.distortion.shape == (120, 160)
        assert (result.labels.dtype, result.distortion.dtype) == (np.uint8, np.float32)
        assert result.labels.max() < len(model.classes)
        assert 0 <= result.distortion.min() <= result.distortion.max() <= 1
        assert result.is_key == (not result.distortion.any())
        assert result.timings['total'] == pytest.approx(sum(result.timings.values()) - result.timings['total'])


@pytest.mark.parametrize('size', [(17, 16), (97, 131), (123, 64), (376, 500), (720, 360)])
def test_any_size_gives_labels_of_that_size(model: Model, size: tuple[int, int]) -> None:
    video = segmenter(model)
    frame = np.random.default_rng(4).integers(0, 255, (*size, 3), np.uint8)
    for _ in range(2):
        result = video.step(frame)
        assert result.labels.shape == result.distortion.shape == size


def test_a_change_of_size_and_a_reset_force_a_key_frame(model: Model, street: Frames) -> None:
    video = segmenter(model)
    video.step(street[0])
    smaller = np.ascontiguousarray(street[1][:96, :128])
    assert video.step(smaller).key_reason == 'size'
    assert not video.step(smaller).is_key
    video.reset()
    assert video.step(smaller).key_reason == 'reset'


def test_after_a_reset_nothing_of_the_past_remains(model: Model, street: Frames) -> None:
    used = segmenter(model)
    for frame in street[:6]:
        used.step(frame)
    used.reset()
    fresh = segmenter(model)
    for frame in street[6:9]:
        ours, expected = used.step(frame), fresh.step(frame)
        np.testing.assert_array_equal(ours.labels, expected.labels)
        np.testing.assert_array_equal(ours.distortion, expected.distortion)


def test_segmenters_sharing_a_model_do_not_disturb_each_other(model: Model, street: Frames) -> None:
    alone, first, second = segmenter(model), segmenter(model), segmenter(model)
    for forth, back in zip(street, reversed(street), strict=True):
        expected = alone.step(forth).labels
        ours = first.step(forth).labels
        second.step(back)
        np.testing.assert_array_equal(ours, expected)


def test_a_still_scene_keeps_the_key_frames_labels(model: Model, street: Frames) -> None:
    video = segmenter(model, mode='flow')
    expected = video.step(street[0]).labels
    for _ in range(3):
        agreeing = (video.step(street[0]).labels == expected).mean()
        assert agreeing > 0.99


def test_modes(model: Model, street: Frames) -> None:
    key = segmenter(model).step(street[0]).labels
    hold = segmenter(model, mode='hold')
    assert all((hold.step(frame).labels == key).all() for frame in street[:4])
    assert all(result.is_key for result in map(segmenter(model, mode='per_frame').step, street[:3]))
    everywhere = segmenter(model, mode='correct_all')
    everywhere.step(street[0])
    assert everywhere.step(street[1]).distortion.min() == 1


def test_held_labels_are_not_what_a_caller_wrote_into_those_before(model: Model, street: Frames) -> None:
    expected = segmenter(model).step(street[0]).labels
    video = segmenter(model, mode='hold')
    for frame in street[:4]:
        labels = video.step(frame).labels
        np.testing.assert_array_equal(labels, expected)
        labels[:] = 255


def test_larger_frames_are_segmented_at_the_working_height(model: Model, street: Frames) -> None:
    large = cv2.resize(street[0], (640, 480), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    small = cv2.resize(large, (160, 120), interpolation=cv2.INTER_AREA).astype(np.uint8)
    scaled = segmenter(model, working_height=120).step(large).labels
    expected = cv2.resize(segmenter(model).step(small).labels, (640, 480), interpolation=cv2.INTER_NEAREST)
    np.testing.assert_array_equal(scaled, expected)


BAD = [
    np.zeros((40, 40), np.uint8),
    np.zeros((40, 40, 4), np.uint8),
    np.zeros((40, 40, 3), np.float32),
    np.zeros((0, 40, 3), np.uint8),
    np.zeros((40, 8, 3), np.uint8),
    np.zeros((16, LARGEST + 1, 3), np.uint8),
]


@pytest.mark.parametrize('frame', BAD, ids=lambda frame: f'{frame.dtype} {frame.shape}')
def test_a_bad_frame_is_refused_and_changes_nothing(model: Model, street: Frames, frame: NDArray[np.uint8]) -> None:
    video, expected = segmenter(model), segmenter(model)
    video.step(street[0])
    expected.step(street[0])
    with pytest.raises(FrameError, match='expected'):
        video.step(frame)
    np.testing.assert_array_equal(video.step(street[1]).labels, expected.step(street[1]).labels)


def test_a_failing_network_drops_the_cache(model: Model, street: Frames) -> None:
    def broken(image: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        raise RuntimeError('device lost')

    video = segmenter(model)
    video.step(street[0])
    video.model = replace(model, flow=broken)
    with pytest.raises(RuntimeError, match='device lost'):
        video.step(street[1])
    video.model = model
    recovered = video.step(street[2])
    assert (recovered.is_key, recovered.key_reason) == (True, 'failure')


def test_no_frame_at_all_is_refused(model: Model) -> None:
    with pytest.raises(FrameError, match='NoneType'):
        segmenter(model).step(None)  # type: ignore[arg-type]  # what a caller might pass by mistake


def test_read_only_and_strided_frames_do(model: Model, street: Frames) -> None:
    expected = segmenter(model).step(street[0]).labels
    frozen = street[0].copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(segmenter(model).step(frozen).labels, expected)
    wide = np.zeros((120, 320, 3), np.uint8)
    wide[:, ::2] = street[0]
    np.testing.assert_array_equal(segmenter(model).step(wide[:, ::2]).labels, expected)


@pytest.mark.filterwarnings('ignore:`torch.distributed.reduce_op`:FutureWarning')  # said when looking at all objects
def test_no_gradients_and_no_growth(model: Model) -> None:
    def flow(image: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        assert not image.requires_grad and not previous.requires_grad and not torch.is_grad_enabled()
        return model.flow(image, previous)

    video = segmenter(replace(model, flow=flow))
    frame = np.zeros((32, 32, 3), np.uint8)
    for _ in range(20):
        video.step(frame)
    gc.collect()
    tensors = sum(isinstance(thing, torch.Tensor) for thing in gc.get_objects())
    tracemalloc.start()
    for _ in range(200):
        result = video.step(frame)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    gc.collect()
    assert result.labels.shape == (32, 32)
    assert sum(isinstance(thing, torch.Tensor) for thing in gc.get_objects()) <= tensors + 5
    assert grown < 200_000


def test_bfloat16_gives_nearly_the_same_labels(model: Model, street: Frames) -> None:
    half, exact = VideoSegmenter(replace(CONFIG, precision='bfloat16')), segmenter(model)
    agreeing = [(half.step(frame).labels == exact.step(frame).labels).mean() for frame in street[:4]]
    assert min(agreeing) > 0.8  # of a drawing no label is sure


def test_bfloat16_gives_the_same_labels_of_photographs(model: Model, camvid_video: Path) -> None:
    half, exact = VideoSegmenter(replace(CONFIG, precision='bfloat16')), segmenter(model)
    for frame in itertools.islice(open_source(camvid_video), 3):
        assert (half.step(frame.image).labels == exact.step(frame.image).labels).mean() > 0.99


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
def test_cuda_gives_nearly_the_same_labels(model: Model, street: Frames) -> None:
    cuda = VideoSegmenter(replace(CONFIG, device='cuda', precision='float32'))
    exact = segmenter(model)
    agreeing = [(cuda.step(frame).labels == exact.step(frame).labels).mean() for frame in street[:8]]
    assert min(agreeing) > 0.98


def test_the_correction_counts_by_gain_times_distortion(model: Model, street: Frames) -> None:
    assert model.window is not None
    model = replace(model, gate=None, correction=model.window)
    half = replace(model, correction_share=1.0, distortion=lambda propagated, image: torch.full_like(image[:, :1], 0.5))
    labels = {}
    for name, changed, mode in (
        ('gain 0', replace(half, correction_gain=0.0), 'davss'),
        ('gain 2', replace(half, correction_gain=2.0), 'davss'),
        ('gain 9', replace(half, correction_gain=9.0), 'davss'),
        ('flow', model, 'flow'),
        ('everywhere', model, 'correct_all'),
    ):
        video = segmenter(changed, mode=mode)
        video.step(street[0])
        labels[name] = video.step(street[1]).labels
    np.testing.assert_array_equal(labels['gain 0'], labels['flow'])
    np.testing.assert_array_equal(labels['gain 2'], labels['everywhere'])
    np.testing.assert_array_equal(labels['gain 9'], labels['everywhere'])


SECOND = 10**9


@pytest.mark.parametrize(
    ('stamps', 'reasons'),
    [
        ([5, 5.1, 5.2], ['first', '', '']),
        ([5, 5.1, 4.9, 5.0], ['first', '', 'back', '']),
        ([5, 5.5, 7.6, 7.7], ['first', '', 'gap', '']),
        ([5, 7, 9], ['first', '', '']),  # no longer than that
        ([0, 0, 0], ['first', '', '']),  # a camera that does not tell the time
        ([0, 5, 0, 5], ['first', '', '', '']),  # or not always
        ([5, 5.1, 0, 9], ['first', '', '', 'gap']),
        ([5, 5.1, 0, 3], ['first', '', '', 'back']),
        ([5, 5, 5], ['first', '', '']),
    ],
)
def test_stamps_that_go_back_or_leave_a_gap_force_a_key_frame(
    model: Model, street: Frames, stamps: list[float], reasons: list[str]
) -> None:
    video = segmenter(model, key_interval=9, longest_gap=2.0)
    found = [video.step(frame, round(s * SECOND)).key_reason for frame, s in zip(street, stamps, strict=False)]
    assert found == reasons
    tolerant = segmenter(model, key_interval=9, longest_gap=0.0)
    assert [tolerant.step(street[0], s * SECOND).key_reason for s in (1, 900)] == ['first', '']


def test_a_cut_in_the_scene_makes_the_frame_a_key_frame(
    model: Model, street: Frames, distorted: Callable[[Model, float], Model]
) -> None:
    video = segmenter(distorted(model, 0.6), key_interval=9, cut_distortion=0.5)
    elsewhere = np.ascontiguousarray(street[1][::-1])
    expected = segmenter(model).step(elsewhere)
    video.step(street[0])
    result = video.step(elsewhere)
    assert (result.key_reason, result.is_key, result.distance) == ('cut', True, 0)
    np.testing.assert_array_equal(result.labels, expected.labels)
    assert not result.distortion.any()
    video.reconfigure(replace(video.config, cut_distortion=0.7))
    assert video.step(street[2]).distance == 1


@pytest.mark.parametrize('shade', [0, 255])
def test_frames_that_show_nothing_and_are_the_same_are_no_cut(
    model: Model, shade: int, distorted: Callable[[Model, float], Model]
) -> None:
    video = segmenter(distorted(model, 0.9), key_interval=9, cut_distortion=0.3)
    flat = np.full((120, 160, 3), shade, np.uint8)
    noise = np.random.default_rng(0).integers(0, 4, flat.shape, np.uint8)
    frames = [flat, flat, flat ^ noise, flat, np.full_like(flat, 128), np.full_like(flat, 128)]
    assert [video.step(frame).key_reason for frame in frames] == ['first', '', '', '', 'cut', '']


def test_of_a_batch_only_the_frame_with_a_cut_becomes_a_key_frame(model: Model, street: Frames) -> None:
    def gate(propagated: Propagated, image: torch.Tensor, *others: Any) -> torch.Tensor:
        assert model.gate is not None
        bright = (image.mean((1, 2, 3), keepdim=True) > 0.5).float().expand(-1, 1, *image.shape[2:])
        return torch.cat([bright, model.gate(propagated, image, *others)[:, 1:]], 1)

    gated = replace(model, gate=gate)
    together, alone = ([segmenter(gated, cut_distortion=0.5) for _ in range(2)] for _ in range(2))
    for number, frame in enumerate(street[:3]):
        frames = [frame, 255 - frame if number == 1 else frame]
        for video, own, ours in zip(alone, frames, step_together(together, frames, [0, 0]), strict=True):
            expected = video.step(own)
            assert (ours.key_reason, ours.distance) == (expected.key_reason, expected.distance)
            assert (ours.labels != expected.labels).mean() < 1e-3  # convolutions of a batch round differently
            assert ours.key_reason == ('first' if number == 0 else 'cut' if number == 1 and own is not frame else '')


def test_settings_change_between_steps_but_not_those_of_the_model(model: Model, street: Frames) -> None:
    video = segmenter(model, key_interval=2)
    assert [video.step(frame).is_key for frame in street[:3]] == [True, False, True]
    video.reconfigure(replace(video.config, key_interval=3))
    assert [video.step(frame).is_key for frame in street[3:6]] == [False, False, True]
    with pytest.raises(ConfigError, match='flow, working_height: fixed'):
        video.reconfigure(replace(video.config, flow='dis_fast', working_height=120))


def test_the_classes_that_ask_for_key_frames_change_between_steps(
    model: Model, street: Frames, distorted: Callable[[Model, float], Model]
) -> None:
    def first_class(image: torch.Tensor) -> torch.Tensor:
        return torch.eye(len(model.classes))[0, :, None, None].expand(
            len(image), -1, image.shape[2] // 4, image.shape[3] // 4
        )

    doubtful = replace(distorted(model, 0.2), key=first_class)
    video = segmenter(doubtful, key_interval=1, key_frame_policy='adaptive')
    assert [video.step(frame).key_reason for frame in street[:2]] == ['first', 'distortion']
    video.reconfigure(replace(video.config, key_frame_classes=model.classes[1].name))
    assert video.step(street[2]).key_reason == ''
    video.reconfigure(replace(video.config, key_frame_classes=model.classes[0].name))
    assert video.step(street[3]).key_reason == 'distortion'


def test_key_frames_of_different_phases_never_meet(model: Model, street: Frames) -> None:
    videos = [VideoSegmenter(replace(CONFIG, mode='hold'), model=model, key_phase=phase) for phase in (0, 1, 2, 3)]
    rounds = [step_together(videos, [frame] * 4, [0] * 4) for frame in street]
    assert [r.is_key for r in rounds[0]] == [True] * 4  # nothing to carry yet
    assert all(sum(r.is_key for r in results) == 1 for results in rounds[1:])
    videos[2].reset()
    step_together(videos, [street[0]] * 4, [0] * 4)
    rounds = [step_together(videos, [frame] * 4, [0] * 4) for frame in street]
    assert all(sum(r.is_key for r in results) == 1 for results in rounds)


def test_the_flow_leads_from_a_frame_to_the_one_before(model: Model, street: Frames) -> None:
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def still(image: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        seen.append((image, previous))
        return torch.zeros(len(image), 2, image.shape[2] // 4, image.shape[3] // 4)

    video = segmenter(replace(model, flow=still), key_interval=3)
    for frame in street[:6]:
        video.step(frame)
    pairs = [(street[now], street[now - 1]) for now in (1, 2, 4, 5)]  # the key frame among those before
    for found, frames in zip(seen, pairs, strict=True):
        for tensor, frame in zip(found, frames, strict=True):
            assert torch.equal(tensor, to_tensor(frame, 0, torch.device('cpu')))


@pytest.mark.parametrize('propagation', ['composed', 'renewed'])
def test_a_batch_gives_what_each_video_alone_gives(model: Model, street: Frames, propagation: str) -> None:
    model = replace(model, propagation=propagation)
    turned = [street, [np.ascontiguousarray(f[:, ::-1]) for f in street], street[::-1]]
    together = [VideoSegmenter(CONFIG, model=model, key_phase=phase) for phase in (0, 1, 2)]
    alone = [VideoSegmenter(CONFIG, model=model, key_phase=phase) for phase in (0, 1, 2)]
    for number, frames in enumerate(zip(*turned, strict=True)):
        batch = step_together(together, frames, [number] * 3)
        for video, frame, ours in zip(alone, frames, batch, strict=True):
            expected = video.step(frame, number)
            assert (ours.is_key, ours.distance) == (expected.is_key, expected.distance)
            assert (ours.labels != expected.labels).mean() < 1e-3  # convolutions of a batch round differently
            np.testing.assert_allclose(ours.distortion, expected.distortion, atol=1e-4)


def test_a_failure_in_a_batch_drops_every_cache_of_it(model: Model, street: Frames) -> None:
    videos = [segmenter(model), segmenter(model)]
    step_together(videos, street[:2], [0, 0])
    for video in videos:
        video.model = replace(model, correction=None)  # type: ignore[arg-type]  # broken on purpose
    with pytest.raises(TypeError):
        step_together(videos, street[2:4], [0, 0])
    for video in videos:
        video.model = model
    assert [r.key_reason for r in step_together(videos, street[4:6], [0, 0])] == ['failure'] * 2
