# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch
from torch import Tensor

from davss_ros.train.losses.flow import census_distance, occluded, outside, photometric_loss, roughness, ssim_distance


def texture(seed: int = 0) -> Tensor:
    noise = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.avg_pool2d(noise, 3, 1, 1)


def constant(dx: float, dy: float) -> Tensor:
    return torch.tensor([float(dx), float(dy)])[None, :, None, None].expand(1, 2, 32, 40).clone()


NOWHERE = torch.zeros(1, 1, 32, 40, dtype=torch.bool)


@pytest.mark.parametrize('how', ['census', 'ssim'])
def test_the_true_flow_has_the_least_loss(how: str) -> None:
    previous = texture()
    image = previous.roll((2, -1), (3, 2))  # what is at (x, y) was at (x - 2, y + 1)
    losses = {
        flow: float(photometric_loss(image, previous, constant(*flow), outside(constant(*flow)), how, 0.05))
        for flow in [(-2, 1), (0, 0), (2, -1), (-1, 1), (-2, 2), (-3, 1)]
    }
    assert min(losses, key=lambda flow: losses[flow]) == (-2, 1)
    assert losses[-2, 1] < 0.5 * losses[0, 0]


def test_what_is_hidden_does_not_count() -> None:
    image, previous = texture(), texture()
    previous[..., :16, :] = texture(1)[..., :16, :]
    hidden = NOWHERE.clone()
    hidden[:, :, :24] = True  # and what is within reach of it
    still = constant(0, 0)
    assert photometric_loss(image, previous, still, NOWHERE, 'census', 0) > 0.1
    assert photometric_loss(image, previous, still, hidden, 'census', 0) < 1e-3


def test_census_is_blind_to_light_and_ssim_is_not() -> None:
    image = texture() * 0.5
    brighter = image + 0.3
    assert census_distance(image, brighter).max() < 1e-3
    assert ssim_distance(image, brighter).mean() > 0.1
    assert census_distance(image, texture(1)).mean() > 0.2


def test_ssim_is_that_of_scikit_less_definition() -> None:
    first, other = texture(), texture(1)
    y, x = 11, 17
    a, b = (np.asarray(i[0, 0, y - 1 : y + 2, x - 1 : x + 2], np.float64) for i in (first, other))
    covariance = ((a - a.mean()) * (b - b.mean())).mean()
    similar = (2 * a.mean() * b.mean() + 1e-4) * (2 * covariance + 9e-4)
    similar /= (a.mean() ** 2 + b.mean() ** 2 + 1e-4) * (a.var() + b.var() + 9e-4)
    expected = 0.85 * (1 - similar) / 2 + 0.15 * abs(float(first[0, 0, y, x] - other[0, 0, y, x]))
    gray = [i[:, :1].expand(-1, 3, -1, -1) for i in (first, other)]
    assert float(ssim_distance(*gray)[0, 0, y, x]) == pytest.approx(expected, abs=1e-3)


def test_occlusion_is_where_the_way_back_leads_elsewhere() -> None:
    flow, back = constant(3, 0), constant(-3, 0)
    back[..., 10:20] = 0  # something else was there
    hidden = occluded(flow, back)[0, 0]
    assert hidden[:, 7:17].all()  # they lead to columns 10 to 19
    assert hidden[:, -3:].all()  # out of the image
    assert not hidden[:, :7].any() and not hidden[:, 17:-3].any()


def test_roughness_counts_less_across_edges() -> None:
    flow = constant(0, 0)
    flow[..., 20:] = 4
    plain = torch.zeros(1, 3, 32, 40)
    edged = plain.clone()
    edged[..., 20:] = 1
    assert roughness(flow, edged) < 0.1 * roughness(flow, plain)
    assert roughness(constant(3, 2), plain) < 0.01
