# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Resampling between full and 1/4 size, and warping along the flow.

Conventions (layout and flow direction: `davss_ros.networks.interface`):

- Full-size images have sides that are multiples of 4; `pad_to_multiple` sees to that by repeating the last row and
  column, and whoever padded crops the result.
- ``align_corners`` as in `torch.nn.functional.interpolate`: False treats pixels as areas (the published evaluation),
  True as points with the corners fixed (the published training).
- `warp` always works in pixels of the map it warps, whatever ``align_corners`` says.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

SCALE = 4  # full size : size of scores, flow and distortion


def pad_to_multiple(image: Tensor, multiple: int = SCALE) -> Tensor:
    """Repeat the last row and column of (N, C, H, W) until both sides are multiples of ``multiple``."""
    height, width = image.shape[2:]
    bottom, right = -height % multiple, -width % multiple
    return F.pad(image, (0, right, 0, bottom), mode='replicate') if bottom or right else image


def down(image: Tensor, align_corners: bool = False) -> Tensor:
    """Map (N, C, H, W) to (N, C, H / 4, W / 4), bilinear without smoothing (DAVSS, section III-B)."""
    if not align_corners:  # each sample lies midway between four pixels: average those, a quarter of the time
        above, below = image[:, :, 1::SCALE], image[:, :, 2::SCALE]
        corners = [rows[..., first::SCALE] for rows in (above, below) for first in (1, 2)]
        return ((corners[0] + corners[1] + corners[2] + corners[3]) * 0.25).contiguous()
    size = (image.shape[2] // SCALE, image.shape[3] // SCALE)
    return F.interpolate(image, size=size, mode='bilinear', align_corners=True)


def up(x: Tensor, align_corners: bool = False) -> Tensor:
    """Map (N, C, h, w) to (N, C, 4 h, 4 w), bilinear."""
    return F.interpolate(x, scale_factor=float(SCALE), mode='bilinear', align_corners=align_corners)


def warp(x: Tensor, flow: Tensor, mode: str = 'bilinear') -> Tensor:
    """Return ``x`` carried along the flow: ``result(p) = x(p + flow(p))``, clamped at the border.

    Args:
        x: (N, C, h, w) float.
        flow: (N, 2, h, w) float, (dx, dy) in pixels of ``x``.
        mode: ``bilinear``, as published, or ``bicubic``, which keeps what is thin but overshoots at edges.
    """
    return F.grid_sample(x, _grid(flow).to(x.dtype), mode=mode, padding_mode='border', align_corners=True)


def warp_again(x: Tensor, flow: Tensor) -> Tensor:
    """Return `warp` as it can be done to its own result, over and over.

    Bilinear steps smear, and torch's bicubic ones amplify: its kernel (Keys, 1981, a = -0.75) raises some frequencies
    by up to 3 %, which makes noise of anything after a few dozen steps. Two parts of it and one part bilinear raise
    none; half way between pixels that is the Catmull-Rom spline.
    """
    grid = _grid(flow).to(x.dtype)
    cubic, linear = (
        F.grid_sample(x, grid, mode=mode, padding_mode='border', align_corners=True) for mode in ('bicubic', 'bilinear')
    )
    return linear.lerp(cubic, 2 / 3)


def _grid(flow: Tensor) -> Tensor:
    """Return where ``flow`` (N, 2, h, w) leads: (N, h, w, 2), -1 to 1 between the centres of the outermost pixels."""
    height, width = flow.shape[2:]
    xs = torch.arange(width, dtype=flow.dtype, device=flow.device)
    ys = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None]
    grid_x = (xs + flow[:, 0]) * (2 / max(width - 1, 1)) - 1  # a side of one pixel has no extent
    grid_y = (ys + flow[:, 1]) * (2 / max(height - 1, 1)) - 1
    return torch.stack([grid_x, grid_y], -1)
