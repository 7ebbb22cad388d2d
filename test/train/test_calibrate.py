# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The fit against scikit-learn, and the command on stills whose labels are known."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import load_model
from davss_ros.evaluate.map_quality import MapQuality
from davss_ros.train import calibrate


def pixels(n: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    odds, distortion = rng.normal(3, 3, n), rng.beta(1, 6, n)
    p = 1 / (1 + np.exp(-(-0.4 + 0.6 * odds - 3 * distortion + 0.2 * odds * distortion)))
    return odds, distortion, rng.random(n) < p


def test_the_fit_is_that_of_logistic_regression() -> None:
    odds, distortion, right = pixels()
    features = np.stack([odds, distortion, odds * distortion], 1)
    reference = LogisticRegression(C=1e6, tol=1e-8, max_iter=1000).fit(features, right)
    found, loss = calibrate.fit(odds, distortion, right)
    np.testing.assert_allclose(found, [*reference.intercept_, *reference.coef_[0]], atol=1e-2)
    assert loss == pytest.approx(calibrate.log_loss(found, odds, distortion, right))
    assert loss < calibrate.log_loss((0.0, 1.0, 0.0, 0.0), odds, distortion, right)


def test_labels_that_are_always_right_leave_it_finite() -> None:
    odds, distortion, _ = pixels(1000)
    found, loss = calibrate.fit(odds, distortion, np.ones(1000, bool))
    assert np.isfinite(found).all() and 0 <= loss < 0.1


def test_what_was_fitted_is_calibrated() -> None:
    odds, distortion, right = pixels()
    (a, b, c, d), _ = calibrate.fit(odds, distortion, right)
    quality = [MapQuality(), MapQuality()]
    for statistics, logit in zip(quality, (odds, a + b * odds + c * distortion + d * distortion * odds), strict=True):
        statistics.add((1 / (1 + np.exp(-logit))).astype(np.float32), right)
    assert quality[1].expected_calibration_error() < 0.01 < quality[0].expected_calibration_error()


def test_the_command_writes_a_calibration_that_the_model_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ('images', 'labels'):
        (tmp_path / folder).mkdir()
    rng = np.random.default_rng(0)
    for number in range(2):
        labels = np.zeros((96, 128), np.uint8)
        labels[48:] = 3
        cv2.imwrite(str(tmp_path / 'labels' / f'{number}.png'), labels)
        noise = rng.integers(0, 40, (96, 128, 3)) + np.where(labels == 3, 60, 180)[..., None]
        cv2.imwrite(str(tmp_path / 'images' / f'{number}.png'), noise.astype(np.uint8))
    out = tmp_path / 'fitted.json'
    command = ['--data', str(tmp_path), '--every', '1', '--longest', '2', '--out', str(out)]
    assert calibrate.main(command) == 0
    fitted = json.loads(out.read_text())
    assert fitted['checksum'] == load_model(SegmenterConfig()).checksum and len(fitted['coefficients']) == 4
    assert '2 stills in motion by camvid_lite, 2400 pixels, log-loss' in capsys.readouterr().out
    assert calibrate.main(['--data', '/nowhere', '--out', str(out)]) == 1
    assert capsys.readouterr().err.startswith('/nowhere: ')
    before = out.read_bytes()
    for number in range(2):
        cv2.imwrite(str(tmp_path / 'labels' / f'{number}.png'), np.full((96, 128), 255, np.uint8))
    assert calibrate.main(command) == 1
    assert 'void' in capsys.readouterr().err
    cv2.imwrite(str(tmp_path / 'labels' / '1.png'), np.zeros((97, 128), np.uint8))
    assert calibrate.main(command) == 1
    assert 'labels/1.png' in capsys.readouterr().err
    assert out.read_bytes() == before
