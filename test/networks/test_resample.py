# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from davss_ros.networks.resample import down, pad_to_multiple, up, warp, warp_again


def slow_warp(x: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Bilinear, clamped: one pixel at a time, indices clamped after flooring, as the published CUDA kernel does."""
    _, height, width = x.shape
    result = np.zeros_like(x)
    for row in range(height):
        for column in range(width):
            at_x, at_y = column + flow[0, row, column], row + flow[1, row, column]
            left, top = int(np.floor(at_x)), int(np.floor(at_y))
            share_x, share_y = at_x - left, at_y - top
            xs = np.clip([left, left + 1], 0, width - 1)
            ys = np.clip([top, top + 1], 0, height - 1)
            upper = (1 - share_x) * x[:, ys[0], xs[0]] + share_x * x[:, ys[0], xs[1]]
            lower = (1 - share_x) * x[:, ys[1], xs[0]] + share_x * x[:, ys[1], xs[1]]
            result[:, row, column] = (1 - share_y) * upper + share_y * lower
    return result


def slow_resize(x: np.ndarray, size: tuple[int, int], align_corners: bool) -> np.ndarray:
    """Bilinear by the definition of the two conventions, one pixel at a time."""
    _, height, width = x.shape

    def source(target: int, length: int, count: int) -> tuple[int, int, float]:
        if align_corners:
            at = target * (length - 1) / (count - 1) if count > 1 else 0.0
        else:
            at = max(0.0, (target + 0.5) * length / count - 0.5)
        first = min(int(at), length - 1)
        return first, min(first + 1, length - 1), at - first

    result = np.zeros((x.shape[0], *size))
    for row in range(size[0]):
        top, bottom, share_y = source(row, height, size[0])
        for column in range(size[1]):
            left, right, share_x = source(column, width, size[1])
            upper = (1 - share_x) * x[:, top, left] + share_x * x[:, top, right]
            lower = (1 - share_x) * x[:, bottom, left] + share_x * x[:, bottom, right]
            result[:, row, column] = (1 - share_y) * upper + share_y * lower
    return result


@pytest.mark.parametrize('size', [(9, 13), (1, 7), (5, 1)])
def test_warp_matches_a_pixel_loop_also_beyond_the_border(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, *size))
    flow = rng.normal(scale=4, size=(2, *size))
    ours = warp(torch.from_numpy(x)[None], torch.from_numpy(flow)[None])[0].numpy()
    np.testing.assert_allclose(ours, slow_warp(x, flow), atol=1e-9)


def test_warp_looks_where_the_flow_points() -> None:
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 2, 3] = 1
    flow = torch.zeros(1, 2, 5, 5)
    flow[:, 0], flow[:, 1] = 2, 1  # what is at p now was at p + (2, 1)
    assert warp(x, flow)[0, 0].nonzero().tolist() == [[1, 1]]


@pytest.mark.parametrize('align_corners', [False, True])
def test_down_and_up_follow_the_convention(align_corners: bool) -> None:
    x = np.random.default_rng(2).normal(size=(2, 12, 20))
    ours = down(torch.from_numpy(x)[None], align_corners)[0].numpy()
    np.testing.assert_allclose(ours, slow_resize(x, (3, 5), align_corners), atol=1e-9)
    ours = up(torch.from_numpy(x)[None], align_corners)[0].numpy()
    np.testing.assert_allclose(ours, slow_resize(x, (48, 80), align_corners), atol=1e-9)


def test_padding_repeats_the_last_row_and_column() -> None:
    x = torch.arange(30.0).view(1, 1, 5, 6)
    padded = pad_to_multiple(x)
    assert padded.shape == (1, 1, 8, 8)
    assert torch.equal(padded[..., :5, :6], x)
    assert torch.equal(padded[0, 0, 7, :6], x[0, 0, 4])
    assert torch.equal(padded[0, 0, :5, 7], x[0, 0, :, 5])
    assert pad_to_multiple(padded) is padded


@pytest.mark.parametrize('dx', [0.0, 0.25, 0.5, 0.8])
def test_warping_again_raises_no_frequency(dx: float) -> None:
    """What a shift does to a wave of every frequency, away from the borders."""
    flow = torch.zeros(1, 2, 1, 64)
    flow[:, 0] = dx
    places = torch.arange(64.0)
    for cycles in range(1, 32):
        wave = torch.exp(2j * torch.pi * cycles / 64 * places)
        parts = torch.stack([wave.real, wave.imag])[None, :, None]
        moved = warp_again(parts, flow)[0, :, 0, 8:-8]
        assert moved.square().sum(0).sqrt().max() <= 1 + 1e-5
        if dx == 0.5:  # Catmull-Rom: -1/16, 9/16, 9/16, -1/16
            taps = (-wave[7:-10] + 9 * wave[8:-9] + 9 * wave[9:-8] - wave[10:-7])[:48] / 16
            torch.testing.assert_close(torch.complex(*moved)[: len(taps)], taps, atol=1e-4, rtol=0)


def test_hundreds_of_steps_make_no_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    kept = grown = torch.randn(1, 2, 20, 30, generator=generator)
    for _ in range(300):
        flow = (torch.rand(1, 2, 1, 1, generator=generator) * 2 - 1).expand(1, 2, 20, 30)
        kept, grown = warp_again(kept, flow), warp(grown, flow, 'bicubic')
    assert kept.abs().max() < 3
    assert grown.abs().max() > 100  # what torch's own bicubic makes of it
