# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import cv2
import numpy as np
import pytest
import torch

from davss_ros.networks.dis import DisFlow


@pytest.mark.parametrize('preset', ['unrefined', 'even', 'coarse'])
@pytest.mark.parametrize('gain', [1.0, 0.8])
@pytest.mark.parametrize('motion', [(0, 0), (8, 0), (-4, 6)])
def test_flow_points_back_to_where_things_were(motion: tuple[int, int], preset: str, gain: float) -> None:
    """The scene moves by ``motion`` px, so it was at -motion before, in 1/4-size pixels; exposure changes nothing."""
    rng = np.random.default_rng(6)
    scene = cv2.GaussianBlur(rng.integers(0, 255, (160, 200, 3), np.uint8), (0, 0), 2.5)
    before, now = scene[20:148, 20:180], scene[20 - motion[1] : 148 - motion[1], 20 - motion[0] : 180 - motion[0]]
    images = [torch.from_numpy(np.ascontiguousarray(x)).permute(2, 0, 1)[None] / 255 for x in (now, before)]
    flow = DisFlow(preset)(images[0] * gain, images[1])[0, :, 4:-4, 4:-4]
    expected = -torch.tensor(motion, dtype=torch.float32)[:, None, None] / 4
    assert (flow - expected).abs().median() < 0.05


def test_images_too_small_for_its_pyramid_have_no_motion() -> None:
    assert not DisFlow()(torch.rand(1, 3, 12, 40), torch.rand(1, 3, 12, 40)).any()
