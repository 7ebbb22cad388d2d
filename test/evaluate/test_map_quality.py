# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, roc_auc_score
from torchmetrics.classification import BinaryCalibrationError

from davss_ros.evaluate.map_quality import MapQuality

Values = NDArray[np.float32]
Wrong = NDArray[np.bool_]


def drawn(seed: int, power: float) -> tuple[Values, Wrong]:
    """Values crowded at 0, the more so the greater the power, and pixels that are wrong about as often as they say."""
    rng = np.random.default_rng(seed)
    values = (rng.random((100, 150)) ** power).astype(np.float32)
    return values, rng.random(values.shape) < 0.8 * values + 0.02


def quality(*images: tuple[Values, Wrong]) -> MapQuality:
    made = MapQuality()
    for values, wrong in images:
        made.add(values, wrong)
    return made


@pytest.mark.parametrize('power', [0.1, 1, 5, 30])
def test_scores_equal_those_of_scikit_learn(power: float) -> None:
    images = [drawn(seed, power) for seed in range(2)]
    ours = quality(*images)
    values = np.concatenate([v.ravel() for v, _ in images])
    wrong = np.concatenate([w.ravel() for _, w in images])
    assert ours.auc() == pytest.approx(roc_auc_score(wrong, values), abs=5e-4)
    assert ours.average_precision() == pytest.approx(average_precision_score(wrong, values), abs=2e-3)
    assert ours.share_wrong() == pytest.approx(wrong.mean())
    fractions, mean = calibration_curve(wrong, values, n_bins=10)
    tenths = ours.calibration()
    np.testing.assert_allclose([tenth['observed'] for tenth in tenths], fractions)
    np.testing.assert_allclose([tenth['mean'] for tenth in tenths], mean, rtol=1e-5)
    assert sum(tenth['count'] for tenth in tenths) == values.size


def test_values_of_few_steps_are_exact() -> None:
    values = np.float32([0, 0, 0.25, 0.5, 0.5, 1, 1, 0.25, 0])
    wrong = np.array([0, 1, 0, 1, 0, 1, 1, 0, 0], bool)
    ours = quality((values, wrong))
    assert ours.auc() == pytest.approx(roc_auc_score(wrong, values), rel=1e-12)
    assert ours.average_precision() == pytest.approx(average_precision_score(wrong, values), rel=1e-12)


def test_a_constant_map_knows_nothing() -> None:
    wrong = np.random.default_rng(0).random((20, 30)) < 0.3
    ours = quality((np.full((20, 30), 0.7, np.float32), wrong))
    assert ours.auc() == 0.5
    assert ours.average_precision() == pytest.approx(wrong.mean())
    assert [tenth['from'] for tenth in ours.calibration()] == [0.7]


def test_roc_rises_from_corner_to_corner() -> None:
    false, true = quality(drawn(0, 3)).roc()
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert (np.diff(false) >= 0).all() and (np.diff(true) >= 0).all()


def test_images_are_pooled() -> None:
    first, other = drawn(0, 3), drawn(1, 2)
    both, whole = quality(first) + quality(other), quality(first, other)
    assert (both.auc(), both.calibration()) == (whole.auc(), whole.calibration())


@pytest.mark.parametrize('wrong', [True, False])
def test_without_both_kinds_there_is_no_auc(wrong: bool) -> None:
    ours = quality((np.full(4, 0.5, np.float32), np.full(4, wrong)))
    assert np.isnan(ours.auc())
    assert np.isnan(quality((np.zeros(0, np.float32), np.zeros(0, bool))).average_precision())


@pytest.mark.parametrize('value', [-0.1, 1.1, np.nan])
def test_values_outside_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match='values: expected 0 to 1'):
        quality((np.float32([0.5, value]), np.array([True, False])))


def test_negative_zero_is_zero() -> None:
    assert quality((np.float32([-0.0, 1]), np.array([False, True]))).auc() == 1


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r'expected the shape of wrong \(2,\), found \(3,\)'):
        quality((np.zeros(3, np.float32), np.zeros(2, bool)))


def test_the_expected_calibration_error_is_that_of_torchmetrics() -> None:
    rng = np.random.default_rng(5)
    values = rng.beta(2, 1, (40, 50)).astype(np.float32)
    wrong = rng.random(values.shape) < values**2
    reference = BinaryCalibrationError(n_bins=10, norm='l1')
    reference.update(torch.from_numpy(values.ravel()), torch.from_numpy(wrong.ravel()).int())
    quality = MapQuality()
    quality.add(values, wrong)
    assert quality.expected_calibration_error() == pytest.approx(float(reference.compute()), abs=1e-4)
    assert np.isnan(MapQuality().expected_calibration_error())
