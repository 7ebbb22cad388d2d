# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from davss_ros.core import confidence
from davss_ros.core.confidence import SOFTMAX, Evidence
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model, load_model
from davss_ros.core.segmenter import VideoSegmenter, step_together
from davss_ros.errors import WeightsError
from davss_ros.networks.resample import up
from davss_ros.networks.weights import SHIPPED

SCORES = torch.randn(5, 9, 7, generator=torch.Generator().manual_seed(0)) * 3
ZERO = torch.zeros(9, 7)


@pytest.fixture(scope='module')
def model() -> Model:
    return load_model(SegmenterConfig(device='cpu', precision='float32'))


def test_uncalibrated_it_is_the_softmax_of_the_best_class() -> None:
    found = Evidence(SCORES, ZERO, SOFTMAX).confidence()
    np.testing.assert_allclose(found, torch.softmax(SCORES, 0).amax(0), atol=1e-5)
    assert found.dtype == np.float32


def test_a_calibration_moves_the_odds() -> None:
    distortion = torch.rand(9, 7, generator=torch.Generator().manual_seed(1))
    p = torch.softmax(SCORES.double(), 0).amax(0)
    odds = (p / (1 - p)).log()
    expected = 1 / (1 + (-(0.3 + 0.5 * odds - 2 * distortion + 0.7 * distortion * odds)).exp())
    np.testing.assert_allclose(Evidence(SCORES, distortion, (0.3, 0.5, -2.0, 0.7)).confidence(), expected, atol=1e-5)


def test_scores_without_a_limit_leave_it_finite() -> None:
    extreme = torch.tensor([[[1e4, -1e4, 0.0]], [[-1e4, 1e4, 0.0]]])
    found = Evidence(extreme, torch.zeros(1, 3), (0.0, 1.0, -1.0, 0.5)).confidence()
    assert np.isfinite(found).all() and found[0, 2] == 0.5


@pytest.mark.parametrize('mode', ['davss', 'hold', 'flow', 'correct_all', 'per_frame'])
def test_every_frame_has_one_of_its_own_size(model: Model, street: list[NDArray[np.uint8]], mode: str) -> None:
    video = VideoSegmenter(SegmenterConfig(device='cpu', mode=mode, cut_distortion=1.0, working_height=96), model=model)
    for frame in street[:3]:
        result = video.step(frame)
        assert result.confidence.shape == frame.shape[:2] and result.confidence.dtype == np.float32
        assert 0 <= result.confidence.min() < result.confidence.max() <= 1


@pytest.mark.parametrize('mode', ['davss', 'hold', 'flow', 'correct_all', 'per_frame'])
def test_it_is_of_the_scores_that_the_labels_come_from(
    model: Model, street: list[NDArray[np.uint8]], mode: str
) -> None:
    config = SegmenterConfig(device='cpu', mode=mode, cut_distortion=1.0)
    videos = [VideoSegmenter(config, model=model) for _ in range(2)]
    for frame in street[:3]:
        for result in step_together(videos, [frame, np.ascontiguousarray(frame[::-1])], [0, 0]):
            assert result.evidence is not None
            expected = up(result.evidence.scores[None])[0].argmax(0).numpy()
            assert (result.labels != expected).mean() < 1e-3


def test_distortion_lowers_it_and_key_frames_have_none(
    model: Model, street: list[NDArray[np.uint8]], distorted: Callable[[Model, float], Model]
) -> None:
    doubtful = replace(distorted(model, 0.9), confidence=(0.0, 1.0, -5.0, 0.0))
    video = VideoSegmenter(SegmenterConfig(device='cpu', cut_distortion=1.0), model=doubtful)
    key, other = (video.step(street[0]).confidence for _ in range(2))
    assert other.mean() < key.mean() - 0.2


def test_a_calibration_is_for_the_weights_it_was_fitted_on(tmp_path: Path) -> None:
    weights = tmp_path / 'mine.safetensors'
    path = confidence.confidence_path(weights)
    assert confidence.read_coefficients([weights], 'abc') is None
    confidence.write_coefficients(path, (0.1, 0.9, -1.0, 0.25), 'abc', 'stills')
    assert confidence.read_coefficients([weights], 'abc') == (0.1, 0.9, -1.0, 0.25)
    assert confidence.read_coefficients([weights], 'other') is None
    path.write_text('{"checksum": "abc"}')
    with pytest.raises(WeightsError, match=r'mine\.confidence\.json: damaged or no calibration'):
        confidence.read_coefficients([weights], 'abc')


def test_the_shipped_model_has_its_calibration(model: Model) -> None:
    assert model.calibrated, 'run: python -m davss_ros calibrate --data camvid/train --every 6'
    assert model.confidence == tuple(json.loads((SHIPPED / 'camvid_lite.confidence.json').read_text())['coefficients'])
