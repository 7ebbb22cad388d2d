# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.core.classes import SemanticClass
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.evaluate.corruption import CORRUPTIONS, SEVERITIES, corrupted, corruption_scores
from davss_ros.evaluate.videos import EvaluationFrame, Video

CONFIG = SegmenterConfig(device='cpu', cut_distortion=1.0, working_height=0)


def key(image: Tensor) -> Tensor:  # dark below a grey of 100
    white = (image[:, :1, 1::4, 1::4] > 100 / 255).float()
    return 10 * torch.cat([1 - white, white], 1)


@pytest.fixture
def model() -> Model:
    classes = (SemanticClass('dark', (0, 0, 0)), SemanticClass('light', (9, 9, 9)))
    return Model(
        key,
        lambda image, previous: torch.zeros_like(previous[:, :2, ::4, ::4]),
        lambda propagated, image: torch.ones_like(image[:, :1]),
        lambda image, propagated: key(image),
        classes,
        'step',
        1.0,
        False,
        torch.device('cpu'),
        torch.float32,
        'stub',
    )


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (40, 64, 3)).astype(np.uint8).repeat(2, 0).repeat(2, 1)


def video(image: NDArray[np.uint8], labels: NDArray[np.uint8], count: int = 3) -> Video:
    return [EvaluationFrame(str(t), lambda: image, lambda: labels) for t in range(count)]


@pytest.mark.parametrize('kind', CORRUPTIONS)
def test_severe_is_further_from_the_picture_than_mild(kind: str, picture: NDArray[np.uint8]) -> None:
    labels = np.zeros(picture.shape[:2], np.uint8)
    distances = []
    for severity in SEVERITIES:
        (frame, *_), *_ = corrupted([video(picture, labels)], kind, severity)
        found = frame.image()
        assert (found.shape, found.dtype) == (picture.shape, np.uint8)
        np.testing.assert_array_equal(frame.labels_of(found), labels)
        np.testing.assert_array_equal(found, frame.image())  # the same every time
        distances.append(np.abs(found.astype(int) - picture).mean())
    assert 0 < distances[0] < distances[1]


def test_nothing_moves() -> None:
    image = np.zeros((41, 41, 3), np.uint8)
    image[20, 20] = 255
    for kind in ('defocus', 'motion blur', 'coarse sensor'):
        found = CORRUPTIONS[kind].of(image, 'severe', 0)[..., 0].astype(float)
        rows, columns = np.indices(found.shape)
        assert abs((rows * found).sum() / found.sum() - 20) < 1
        assert abs((columns * found).sum() / found.sum() - 20) < 1


def test_noise_differs_from_frame_to_frame(picture: NDArray[np.uint8]) -> None:
    first, second = (CORRUPTIONS['noise'].of(picture, 'mild', number) for number in (0, 1))
    assert (first != second).mean() > 0.5


def test_scores_are_those_of_what_is_seen(model: Model) -> None:
    image = np.zeros((40, 64, 3), np.uint8)
    image[:, 32:] = 120  # of one stop less light 60, which is dark
    labels = (image[..., 0] > 0).astype(np.uint8)
    scores = corruption_scores([video(image, labels)], model, CONFIG, 2)
    assert scores['clean'] == {'per_frame': 100.0, 'davss': 100.0}
    assert scores['underexposed']['mild'] == {'per_frame': 25.0, 'davss': 25.0}  # half is right of one class of two
    assert scores['overexposed']['severe'] == {'per_frame': 100.0, 'davss': 100.0}
    kinds = [scores[kind]['severe']['davss'] for kind in CORRUPTIONS]
    assert scores['mean']['severe']['davss'] == pytest.approx(np.mean(kinds), abs=0.01)
    assert 'davss' not in corruption_scores([video(image, labels)], model, CONFIG, 0)['clean']
