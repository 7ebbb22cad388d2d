# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What a flow can be learned from without knowing the true one: the images must agree where it leads.

Census and occlusion as in UnFlow (Meister, Hur and Roth, AAAI 2018) and DDFlow (Liu et al., AAAI 2019); SSIM with
Charbonnier and edge-aware smoothness as Godard et al. (CVPR 2017) weigh them.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from davss_ros.networks.resample import warp
from davss_ros.train.runs.parallel import total

CENSUS = 5  # px, side of the window
LEVELS = 3  # of the pyramid: images at 1, 1/2 and 1/4 of the given size


def photometric_loss(
    image: Tensor, previous: Tensor, flow: Tensor, hidden: Tensor, how: str, smoothness: float
) -> Tensor:
    """Return how much ``image`` differs from ``previous`` carried along, but for what was hidden; and the roughness.

    Each level of a pyramid counts alike, so that motion of several pixels finds its way.

    Args:
        image: (N, 3, h, w) RGB in [0, 1], of the flow's size.
        previous: the same, a frame earlier.
        flow: (N, 2, h, w) from ``image`` to ``previous``.
        hidden: (N, 1, h, w) bool, see `occluded`.
        how: ``census`` or ``ssim``.
        smoothness: weight of the roughness.
    """
    loss = smoothness * roughness(flow, image)
    compare = {'census': census_distance, 'ssim': ssim_distance}[how]
    mask = (~hidden).to(image.dtype)
    for level in range(LEVELS):
        if level:
            image, previous, mask = (F.avg_pool2d(x, 2) for x in (image, previous, mask))
            flow = F.avg_pool2d(flow, 2) / 2
        if min(image.shape[2:]) < 2 * CENSUS:
            break
        distance = compare(image, warp(previous, flow))
        loss = loss + total((distance * mask).sum()) / total(mask.sum()).clamp(min=1)
    return loss


def occluded(flow: Tensor, back: Tensor) -> Tensor:
    """Return (N, 1, h, w) bool: what the flow leads to does not lead back, or lies outside (UnFlow, section 3.2)."""
    there = warp(back, flow)
    size = flow.square().sum(1, keepdim=True) + there.square().sum(1, keepdim=True)
    apart = (flow + there).square().sum(1, keepdim=True) > 0.01 * size + 0.5
    return apart | outside(flow)


def outside(flow: Tensor) -> Tensor:
    """Return (N, 1, h, w) bool: the flow leads out of the image."""
    height, width = flow.shape[2:]
    xs = torch.arange(width, device=flow.device) + flow[:, :1]
    ys = torch.arange(height, device=flow.device)[:, None] + flow[:, 1:]
    return (xs < 0) | (xs > width - 1) | (ys < 0) | (ys > height - 1)


def census_distance(first: Tensor, other: Tensor) -> Tensor:
    """Return (N, 1, h, w), 0 to 1: the share of neighbours whose order of brightness differs, soft; blind to light."""
    difference = (_census(first) - _census(other)).square()
    return (difference / (0.1 + difference)).mean(1, keepdim=True)


def ssim_distance(first: Tensor, other: Tensor) -> Tensor:
    """Return (N, 1, h, w): 0.85 times the dissimilarity in 3x3 windows (1 - SSIM) / 2, and 0.15 times Charbonnier's."""
    mean_one, mean_other = _mean3(first), _mean3(other)
    var_one = _mean3(first * first) - mean_one**2
    var_other = _mean3(other * other) - mean_other**2
    both = _mean3(first * other) - mean_one * mean_other
    c1, c2 = 0.01**2, 0.03**2
    ssim = (2 * mean_one * mean_other + c1) * (2 * both + c2)
    ssim = ssim / ((mean_one**2 + mean_other**2 + c1) * (var_one + var_other + c2))
    return (0.85 * ((1 - ssim) / 2).clamp(0, 1) + 0.15 * charbonnier(first - other)).mean(1, keepdim=True)


def charbonnier(x: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Return a smooth absolute value."""
    return (x.square() + epsilon**2).sqrt()


def roughness(flow: Tensor, image: Tensor) -> Tensor:
    """Return the mean change of the flow from pixel to pixel, little counted across the edges of the image."""
    result = flow.new_zeros(())
    for axis in (2, 3):
        edge = image.diff(dim=axis).abs().mean(1, keepdim=True)
        result = result + (charbonnier(flow.diff(dim=axis)) * torch.exp(-10 * edge)).mean()
    return result


def _census(image: Tensor) -> Tensor:
    """Return (N, CENSUS ** 2, h, w): how much brighter each neighbour is, from -1 to 1, soft."""
    gray = image.mean(1, keepdim=True) * 255
    padded = F.pad(gray, [CENSUS // 2] * 4, mode='replicate')
    neighbours = F.unfold(padded, CENSUS).unflatten(2, gray.shape[2:])
    difference = neighbours - gray
    return difference / (0.81 + difference.square()).sqrt()


def _mean3(x: Tensor) -> Tensor:
    return F.avg_pool2d(F.pad(x, [1] * 4, mode='replicate'), 3, 1)
