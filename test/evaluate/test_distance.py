from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from davss_ros.core.classes import SemanticClass
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.evaluate.distance import MODES, distance_curves
from davss_ros.networks.interface import Propagated

# A wall of class 1 (white) grows over class 0 (black) from the left, by BLOCK px a frame; one block is one score.
BLOCK, BLOCKS, FIRST, COUNT = 4, 16, 3, 9
LONGEST = 4
CONFIG = SegmenterConfig(device='cpu', working_height=0)
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
    curves = distance_curves(frames, replace(model, **changes), CONFIG, DISTANCES, [mode])
    assert curves.keys() == {'per_frame', mode}
    assert curves['per_frame'].miou() == {0: pytest.approx(100)}
    assert curves[mode].miou() == miou


def test_every_distance_is_measured_on_the_same_frames(model: Model, frames: Frames) -> None:
    seen = [sum(labels.sum() for _, labels in frames[LONGEST:]), 0]
    seen[1] = (COUNT - LONGEST) * frames[0][1].size - seen[0]
    curves = distance_curves(frames, model, CONFIG, DISTANCES)
    assert curves.keys() == {'per_frame', *MODES}
    for curve in curves.values():
        for matrix in curve.confusion.values():
            assert matrix.counts.sum(1).tolist() == seen[::-1]


def test_void_labels_do_not_count(model: Model, frames: Frames) -> None:
    for _, labels in frames:
        labels[:] = np.where(labels == 1, labels, 255)
    curves = distance_curves(frames, model, CONFIG, [1], ['hold'])
    walls = [FIRST + t for t in range(1, COUNT)]
    assert curves['hold'].confusion[1].iou()[1] == pytest.approx(sum(w - 1 for w in walls) / sum(walls))
    assert curves['hold'].confusion[1].counts[0].sum() == 0


@pytest.mark.parametrize('mode_of_settings', ['davss', 'hold', 'per_frame'])
def test_mode_and_interval_of_the_settings_are_overridden(model: Model, frames: Frames, mode_of_settings: str) -> None:
    config = replace(CONFIG, mode=mode_of_settings, key_interval=1)
    curves = distance_curves(frames, model, config, DISTANCES, ['hold'])
    assert curves['hold'].miou() == OLD


def test_each_frame_is_segmented_once_and_each_pair_compared_once(model: Model, frames: Frames) -> None:
    calls = {'key': 0, 'flow': 0}

    def counted_key(image: Tensor) -> Tensor:
        calls['key'] += 1
        return key(image)

    def counted_flow(image: Tensor, previous: Tensor) -> Tensor:
        calls['flow'] += 1
        return still(image, previous)

    distance_curves(frames, replace(model, key=counted_key, flow=counted_flow), CONFIG, DISTANCES)
    assert calls == {'key': COUNT, 'flow': COUNT - 1}


def test_progress_is_called_for_every_frame_and_start(model: Model, frames: Frames) -> None:
    calls: list[int] = []
    distance_curves(frames, model, CONFIG, DISTANCES, ['hold', 'flow'], lambda: calls.append(0))
    assert len(calls) == (COUNT - LONGEST) + 2 * (COUNT - 1)


@pytest.mark.parametrize('longest', [COUNT, COUNT + 1])
def test_too_few_frames_are_refused(model: Model, frames: Frames, longest: int) -> None:
    distance_curves(frames, model, CONFIG, [COUNT - 1], ['hold'])  # just enough
    with pytest.raises(ValueError, match=rf'expected more than the longest distance {longest}, found {COUNT}'):
        distance_curves(frames, model, CONFIG, [1, longest], ['hold'])
