# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Against known truth: warping is exact, and the distortion networks learn what propagation got wrong."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from davss_ros.networks.registry import build
from davss_ros.networks.resample import warp
from davss_ros.train.material.scene import Camera
from davss_ros.train.parts.stages import StageTraining, train_distortion


def test_warping_along_a_homographys_flow_is_exact_resampling(bench: ModuleType) -> None:
    image = bench.STILLS[0][0].astype(np.float64)
    corners = np.array([(3, 2), (-4, 3), (2, -5), (-3, -2)], np.float32)
    camera = Camera(np.zeros(image.shape[:2], np.float32), (0, 0), 0, (0, 0), corners)
    xs, ys = (x.astype(np.float64) for x in camera.to_still(1))
    exact = np.stack([map_coordinates(image[..., c], [ys, xs], order=1, mode='nearest') for c in range(3)])
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    flow = torch.from_numpy(np.stack([xs - columns, ys - rows]))[None]
    assert flow.abs().max() > 3
    ours = warp(torch.from_numpy(image).permute(2, 0, 1)[None], flow)[0].numpy()
    np.testing.assert_allclose(ours, exact, atol=1e-8)


@pytest.mark.parametrize(('name', 'rate'), [('dmnet_lite', 5e-3), ('dmnet', 2e-2)])
def test_distortion_is_told_only_after_training(bench: ModuleType, name: str, rate: float, tmp_path: Path) -> None:
    ranges = bench.SceneMotion(speed=0.05, turn=(2.0, 1.0), light=0.02)
    made, held_out = (bench.samples(bench.videos(*which, 6, ranges), (2, 3, 5)) for which in ((0, 64), (1000, 24)))
    assert 0.01 < (held_out.wrong > 0.5).mean() < 0.2
    for seed in range(5):
        torch.manual_seed(seed)
        assert bench.auc(build('distortion', name, bench.CLASSES), held_out) < 0.85
    settings = StageTraining(name, bench.CLASSES, epochs=13, batch=8, learning_rate=rate)  # 312 steps
    trained = train_distortion(settings, made, tmp_path, lambda _: None)
    assert bench.auc(trained, held_out) > 0.95
