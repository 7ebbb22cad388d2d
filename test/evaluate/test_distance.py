# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import gc
import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from davss_ros.core.classes import SemanticClass
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.evaluate.confusion import ConfusionMatrix
from davss_ros.evaluate.distance import MODES, distance_curves
from davss_ros.evaluate.scores import Evaluation
from davss_ros.evaluate.videos import EvaluationFrame, Video
from davss_ros.networks.interface import Propagated

# A wall of class 1 (white) grows over class 0 (black) from the left, by BLOCK px a frame; one block is one score.
BLOCK, BLOCKS, FIRST, COUNT = 4, 16, 3, 9
LONGEST = 4
CONFIG = SegmenterConfig(device='cpu', cut_distortion=1.0, working_height=0)
Frames = list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]


def key(image: Tensor) -> Tensor:
    white = (image[:, :1, 1::4, 1::4] > 0.5).float()
    return 10 * torch.cat([1 - white, white], 1)


def still(image: Tensor, previous: Tensor) -> Tensor:
    return torch.zeros_like(previous[:, :2, ::4, ::4])


def moving(image: Tensor, previous: Tensor) -> Tensor:  # what is at p was one block further left
    return still(image, previous) + torch.tensor([-1.0, 0])[None, :, None, None]


def correct(image: Tensor, propagated: Propagated) -> Tensor:
    return key(image)


def trust(propagated: Propagated, image: Tensor) -> Tensor:
    return torch.zeros_like(image[:, :1])


def doubt(propagated: Propagated, image: Tensor) -> Tensor:
    return torch.ones_like(image[:, :1])


def compare(propagated: Propagated, image: Tensor) -> Tensor:  # and one block around what changed
    return F.max_pool2d(((propagated.image - image).abs().amax(1, keepdim=True) > 0.1).float(), 3, 1, 1)


@pytest.fixture
def model() -> Model:
    classes = (SemanticClass('ground', (0, 0, 0)), SemanticClass('wall', (9, 9, 9)))
    return Model(key, still, trust, correct, classes, 'step', 1.0, False, torch.device('cpu'), torch.float32, 'stub')


@pytest.fixture
def frames() -> Frames:
    made = []
    for t in range(COUNT):
        labels = np.zeros((20, BLOCK * BLOCKS), np.uint8)
        labels[:, : BLOCK * (FIRST + t)] = 1
        made.append((np.stack([255 * labels] * 3, 2), labels))
    return made


def video(frames: Frames, unlabelled: Sequence[int] = ()) -> Video:
    return [
        EvaluationFrame(str(t), lambda image=image: image, None if t in unlabelled else lambda labels=labels: labels)
        for t, (image, labels) in enumerate(frames)
    ]


def curves_of(frames: Frames, *arguments: Any) -> Evaluation:
    return distance_curves([video(frames)], *arguments)


def expected(distance: int) -> float:  # mIoU in per cent if the wall stands where it was ``distance`` frames ago
    walls = [FIRST + t for t in range(LONGEST, COUNT)]
    wall = sum(w - distance for w in walls) / sum(walls)
    ground = sum(BLOCKS - w for w in walls) / sum(BLOCKS - w + distance for w in walls)
    return 100 * (wall + ground) / 2


DISTANCES = (1, 2, LONGEST)
OLD = {d: pytest.approx(expected(d)) for d in DISTANCES}
PERFECT = {d: pytest.approx(100) for d in DISTANCES}


def test_the_longer_the_distance_the_worse_by_construction() -> None:
    assert 100 > expected(1) > expected(2) > expected(LONGEST) > 0


@pytest.mark.parametrize(
    ('mode', 'changes', 'miou'),
    [
        ('hold', {}, OLD),
        ('hold', {'flow': moving, 'distortion': doubt}, OLD),  # of no account
        ('flow', {}, OLD),
        ('flow', {'flow': moving}, PERFECT),
        ('flow', {'flow': moving, 'propagation': 'composed'}, PERFECT),
        ('correct_all', {}, PERFECT),
        ('correct_all', {'distortion': trust}, PERFECT),
        ('davss', {'distortion': trust}, OLD),
        ('davss', {'distortion': doubt}, PERFECT),
        ('davss', {'distortion': compare}, PERFECT),
        ('davss', {'distortion': trust, 'flow': moving}, PERFECT),
    ],
)
def test_miou_of_known_motion(model: Model, frames: Frames, mode: str, changes: dict, miou: dict) -> None:
    found = curves_of(frames, replace(model, **changes), CONFIG, DISTANCES, [mode])
    assert found.curves.keys() == {'per_frame', mode}
    assert found.curves['per_frame'].miou([0]) == {0: pytest.approx(100)}
    assert found.curves[mode].miou(DISTANCES) == miou


def test_with_a_gate_the_same_is_asked_of_its_map(model: Model, frames: Frames) -> None:
    """Of what was propagated, whatever the look at the whole frame makes of it."""

    def gate(propagated: Propagated, image: Tensor, correction: Tensor, distance: Tensor) -> Tensor:
        return torch.cat([compare(propagated, image), torch.ones_like(image[:, :2])], 1)

    alone = curves_of(frames, replace(model, distortion=compare), CONFIG, DISTANCES, ['davss'])
    gated = curves_of(frames, replace(model, gate=gate, window=correct), CONFIG, DISTANCES, ['davss'])
    for distance in DISTANCES:
        np.testing.assert_array_equal(gated.distortion[distance].counts, alone.distortion[distance].counts)
        assert gated.distortion[distance].counts.any(1).all()  # some of it right, some wrong


def test_every_distance_is_measured_on_the_same_frames(model: Model, frames: Frames) -> None:
    pixels = [sum(labels.sum() for _, labels in frames[LONGEST:]), 0]
    pixels[1] = (COUNT - LONGEST) * frames[0][1].size - pixels[0]
    found = curves_of(frames, model, CONFIG, DISTANCES)
    assert found.counted == COUNT - LONGEST
    assert found.curves.keys() == {'per_frame', *MODES}
    for curve in found.curves.values():
        for scores in curve.at.values():
            assert scores.confusion.counts.sum(1).tolist() == pixels[::-1]


def test_void_labels_do_not_count(model: Model, frames: Frames) -> None:
    for _, labels in frames:
        labels[:] = np.where(labels == 1, labels, 255)
    found = curves_of(frames, model, CONFIG, [1])
    walls = [FIRST + t for t in range(1, COUNT)]
    held = found.curves['hold'].at[1]
    assert held.confusion.iou()[1] == pytest.approx(sum(w - 1 for w in walls) / sum(walls))
    assert held.confusion.counts[0].sum() == 0
    pixels = sum(walls) * BLOCK * frames[0][1].shape[0]
    assert found.distortion[1].counts.sum() == pixels
    assert held.consistency.counts.sum() <= pixels


@pytest.mark.parametrize('mode_of_settings', ['davss', 'hold', 'per_frame'])
def test_mode_and_interval_of_the_settings_are_overridden(model: Model, frames: Frames, mode_of_settings: str) -> None:
    config = replace(CONFIG, mode=mode_of_settings, key_interval=1)
    assert curves_of(frames, model, config, DISTANCES, ['hold']).curves['hold'].miou(DISTANCES) == OLD


def test_each_frame_is_segmented_once_and_each_pair_compared_once(model: Model, frames: Frames) -> None:
    calls = {'key': 0, 'flow': 0}

    def counted_key(image: Tensor) -> Tensor:
        calls['key'] += 1
        return key(image)

    def counted_flow(image: Tensor, previous: Tensor) -> Tensor:
        calls['flow'] += 1
        return still(image, previous)

    counted = replace(model, key=counted_key, flow=counted_flow)
    curves_of(frames, counted, CONFIG, DISTANCES, MODES, [LONGEST + 1])
    assert calls == {'key': COUNT, 'flow': COUNT - 1}


def test_progress_is_told_of_every_key_frame(model: Model, frames: Frames) -> None:
    report: list[int] = []

    def progress(runs: Sequence) -> Sequence:
        report.append(len(runs))
        return runs

    curves_of(frames, model, CONFIG, DISTANCES, ['hold', 'flow'], (), progress)
    assert report == [COUNT]


@pytest.mark.parametrize('longest', [COUNT, COUNT + 1])
def test_too_few_frames_are_refused(model: Model, frames: Frames, longest: int) -> None:
    curves_of(frames, model, CONFIG, [COUNT - 1], ['hold'])  # just enough
    with pytest.raises(ValueError, match=rf'with {longest} frames before them.* 1 video of up to {COUNT} frames'):
        curves_of(frames, model, CONFIG, [1, longest], ['hold'])


# -- several videos, sparse labels -----------------------------------------------------------------------------------


def test_videos_do_not_run_into_one_another(model: Model, frames: Frames) -> None:
    whole = curves_of(frames, model, CONFIG, [2], ['hold'])
    parts = distance_curves([video(frames[:5]), video(frames[:2]), video(frames[5:])], model, CONFIG, [2], ['hold'])
    assert (whole.counted, parts.counted) == (COUNT - 2, 5 - 2 + COUNT - 5 - 2)
    both = sum(
        (distance_curves([video(part)], model, CONFIG, [2], ['hold']).curves['hold'].at[2].confusion.counts)
        for part in (frames[:5], frames[5:])
    )
    np.testing.assert_array_equal(parts.curves['hold'].at[2].confusion.counts, both)


def test_frames_without_labels_are_passed_over(model: Model, frames: Frames) -> None:
    labelled = {5, 8}
    sparse = video(frames, [t for t in range(COUNT) if t not in labelled])
    found = distance_curves([sparse], model, CONFIG, DISTANCES, ['hold', 'flow'])
    assert found.counted == len(labelled)
    for distance in DISTANCES:
        matrix = ConfusionMatrix(2)
        for t in labelled:
            matrix.add(frames[t - distance][1], frames[t][1])  # held labels are those of the key frame, all right
        np.testing.assert_array_equal(found.curves['hold'].at[distance].confusion.counts, matrix.counts)


def test_no_more_frames_are_read_than_the_labelled_ones_need(model: Model, frames: Frames) -> None:
    read: set[int] = set()

    def reading(t: int) -> NDArray[np.uint8]:
        read.add(t)
        return frames[t][0]

    sparse = [
        EvaluationFrame(str(t), lambda t=t: reading(t), (lambda t=t: frames[t][1]) if t == 6 else None)
        for t in range(COUNT)
    ]
    distance_curves([sparse], model, CONFIG, [1, 2], ['hold'])
    assert read == {4, 5, 6}


def test_memory_does_not_grow_with_the_video(model: Model) -> None:
    alive: weakref.WeakSet[Owned] = weakref.WeakSet()
    most = []

    def image(t: int) -> NDArray[np.uint8]:
        made = np.full((16, 16, 3), t, np.uint8).view(Owned)
        alive.add(made)
        most.append(len(alive))
        return made

    def scene(count: int) -> Video:
        truth = np.zeros((16, 16), np.uint8)
        return [EvaluationFrame(str(t), lambda t=t: image(t), lambda: truth) for t in range(count)]

    gc.disable()  # what goes must go at once
    try:
        distance_curves([scene(60), scene(30)], model, CONFIG, [1, 2], ['hold', 'flow'], [3])
    finally:
        gc.enable()
    assert len(most) == 90  # each is read once
    assert max(most) <= 12


class Owned(np.ndarray):
    """An array that can be counted."""

    __hash__ = object.__hash__


# -- at a fixed interval ----------------------------------------------------------------------------------------------


def small_networks(model: Model) -> Model:
    """Networks whose labels depend on everything that a run does: random, but the same at every call."""
    generator = torch.Generator().manual_seed(0)
    score, change = torch.randn(2, 3, 1, 1, generator=generator), torch.randn(2, 3, 5, 5, generator=generator)

    def noisy(image: Tensor) -> Tensor:
        return F.conv2d(F.avg_pool2d(image, 4) - 0.5, score)

    def corrected(image: Tensor, propagated: Propagated) -> Tensor:
        return propagated.scores + F.conv2d(F.avg_pool2d(image, 4) - 0.5, change, padding=2)

    def drift(image: Tensor, previous: Tensor) -> Tensor:
        return 4 * (F.avg_pool2d(image, 4) - F.avg_pool2d(previous, 4))[:, :2]

    return replace(model, key=noisy, correction=corrected, flow=drift, distortion=compare)


@pytest.fixture
def noise() -> Frames:
    rng = np.random.default_rng(0)
    shown = [rng.integers(0, 255, (16, 24, 3), np.uint8) for _ in range(COUNT)]
    return [(image, rng.choice(np.uint8([0, 1, 255]), (16, 24))) for image in shown]


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('interval', [1, 2, LONGEST, LONGEST + 1])
def test_interval_is_the_mean_over_runs_of_every_phase(model: Model, noise: Frames, mode: str, interval: int) -> None:
    model = small_networks(model)
    found = curves_of(noise, model, CONFIG, [1, LONGEST], [mode], [interval]).at_interval(mode, interval)
    slow = ConfusionMatrix(2)
    for phase in range(interval):  # a run through the whole video, whose first key frame is frame number ``phase``
        segmenter = VideoSegmenter(replace(CONFIG, mode=mode, key_interval=interval), model=model)
        for t in range(phase, COUNT):
            result = segmenter.step(noise[t][0])
            if t >= LONGEST:
                slow.add(result.labels, noise[t][1])
    np.testing.assert_array_equal(found.confusion.counts, slow.counts)
    assert slow.counts.sum() == interval * sum((labels != 255).sum() for _, labels in noise[LONGEST:])


def test_an_interval_lengthens_the_runs(model: Model, frames: Frames) -> None:
    found = curves_of(frames, model, CONFIG, [1], ['hold'], [LONGEST + 1])
    assert found.counted == COUNT - LONGEST
    expected_counts = sum(
        held.confusion.counts for held in [found.curves['per_frame'].at[0], *found.curves['hold'].at.values()]
    )
    np.testing.assert_array_equal(found.at_interval('hold', LONGEST + 1).confusion.counts, expected_counts)


# -- the distortion map, boundaries, consistency ----------------------------------------------------------------------


@pytest.mark.parametrize(('judge', 'auc'), [(trust, 0.5), (doubt, 0.5), (compare, 1.0)])
def test_distortion_is_compared_with_where_propagation_and_key_network_differ(
    model: Model, frames: Frames, judge: Any, auc: float
) -> None:
    def exact(propagated: Propagated, image: Tensor) -> Tensor:
        return (propagated.image - image).abs().amax(1, keepdim=True)

    found = curves_of(frames, replace(model, distortion=exact if judge is compare else judge), CONFIG, DISTANCES)
    for distance in DISTANCES:
        quality = found.distortion[distance]
        assert quality.share_wrong() == pytest.approx(distance / BLOCKS)  # a standing image, a wall that grew
        assert quality.auc() == pytest.approx(auc, abs=0.05)  # the map is interpolated between blocks


@pytest.mark.parametrize('modes', [['flow'], ['hold', 'correct_all']])
def test_distortion_needs_a_map(model: Model, frames: Frames, modes: list[str]) -> None:
    assert curves_of(frames, model, CONFIG, [1], modes).distortion == {}


def test_boundaries_are_met_by_what_is_right(model: Model, frames: Frames) -> None:
    found = curves_of(frames, replace(model, distortion=doubt), CONFIG, [1])
    assert found.curves['davss'].at[1].boundary.mean_f() == 1
    assert found.curves['hold'].at[1].boundary.mean_f() == 0  # BLOCK px off, more than the tolerance


def test_a_key_frame_may_jump(model: Model) -> None:
    """A still scene that the key network calls ground and wall in turns; propagation keeps what it had."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (16, 24, 3), np.uint8)
    frames = []
    for t in range(COUNT):
        image = image.copy()
        image[0, 0] = t % 2  # what the key network looks at
        frames.append((image, np.zeros((16, 24), np.uint8)))

    def moody(image: Tensor) -> Tensor:
        odd = (image[:, 0, :1, :1] * 255).round()[:, None].expand(-1, 1, 4, 6)
        return torch.cat([1 - odd, odd], 1)

    found = curves_of(frames, replace(model, key=moody), CONFIG, [1, 2], ['flow'], [2, 3])
    assert found.curves['per_frame'].at[0].consistency.accuracy() == 0
    assert found.curves['flow'].at[1].consistency.accuracy() == 1
    # every 2nd frame a key frame: the key frames all say the same; every 3rd: they differ
    assert found.at_interval('flow', 2).consistency.accuracy() == 1
    assert found.at_interval('flow', 3).consistency.accuracy() == pytest.approx(2 / 3, abs=0.05)


# -- the worst frames -------------------------------------------------------------------------------------------------


def test_worst_frames_are_the_least_accurate(model: Model, frames: Frames) -> None:
    for t in (5, 7):
        frames[t][1][:] = 1 - frames[t][1]  # labels that nothing predicted
    worst = curves_of(frames, model, CONFIG, [2], ['hold', 'davss']).worst
    assert [(frame.name, frame.mode, frame.distance) for frame in worst] == [('5', 'davss', 2)]  # one of ten in a row
    frame = worst[0]
    assert frame.accuracy == pytest.approx((frame.predicted == frame.true).mean())
    np.testing.assert_array_equal(frame.true, frames[5][1])
    np.testing.assert_array_equal(frame.image, frames[5][0])
    np.testing.assert_array_equal(frame.predicted, frames[3][1])  # without motion: as it was at the key frame
    assert frame.distortion.shape == frame.true.shape
