# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from davss_ros.core.frames import (
    LARGEST,
    SMALLEST,
    check_frame,
    map_at_frame_size,
    to_frame_size,
    to_tensor,
    working_size,
)
from davss_ros.errors import FrameError
from davss_ros.networks.resample import up

CPU = torch.device('cpu')


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize('size', [(SMALLEST, SMALLEST), (LARGEST, SMALLEST), (SMALLEST, LARGEST), (480, 640)])
def test_frames_of_the_right_form_pass(size: tuple[int, int]) -> None:
    check_frame(np.zeros((*size, 3), np.uint8))


@pytest.mark.parametrize(
    ('frame', 'found'),
    [
        (None, 'NoneType'),
        ([[[0, 0, 0]]], 'list'),
        (np.zeros((40, 40), np.uint8), r'uint8 \(40, 40\)'),
        (np.zeros((40, 40, 4), np.uint8), r'uint8 \(40, 40, 4\)'),
        (np.zeros((40, 40, 3), np.float32), r'float32 \(40, 40, 3\)'),
        (np.zeros((SMALLEST - 1, 40, 3), np.uint8), '40x15'),
        (np.zeros((40, SMALLEST - 1, 3), np.uint8), '15x40'),
        (np.zeros((40, LARGEST + 1, 3), np.uint8), '8193x40'),
    ],
)
def test_others_are_refused_and_told_what_was_found(frame: object, found: str) -> None:
    with pytest.raises(FrameError, match=f'frame: expected.*found {found}'):
        check_frame(frame)


@pytest.mark.parametrize(
    ('size', 'height', 'expected'),
    [
        ((480, 640), 0, (480, 640)),
        ((480, 640), 480, (480, 640)),
        ((480, 640), 1000, (480, 640)),  # never enlarged
        ((480, 640), 240, (240, 320)),
        ((1080, 1920), 360, (360, 640)),
        ((376, 506), 188, (188, 252)),  # a multiple of 4, the nearest one
        ((480, 638), 240, (240, 320)),  # be it larger
        ((8192, 16), 360, (360, 16)),  # not below the smallest
    ],
)
def test_working_size_keeps_the_shape(size: tuple[int, int], height: int, expected: tuple[int, int]) -> None:
    assert working_size(size, height) == expected


def test_a_tensor_holds_the_pixels_and_its_sides_are_multiples_of_four() -> None:
    frame = noise(17, 22)
    tensor = to_tensor(frame, 0, CPU)
    assert (tensor.shape, tensor.dtype) == ((1, 3, 20, 24), torch.float32)
    np.testing.assert_allclose(tensor[0, :, :17, :22].permute(1, 2, 0).numpy(), frame / 255, atol=1e-6)
    assert tensor.min() >= 0 and tensor.max() <= 1


def test_scaling_down_averages_blocks() -> None:
    frame = noise(64, 96)
    blocks = frame.reshape(32, 2, 48, 2, 3).mean((1, 3))
    tensor = to_tensor(frame, 32, CPU)
    assert tensor.shape == (1, 3, 32, 48)
    np.testing.assert_allclose(tensor[0].permute(1, 2, 0).numpy() * 255, blocks, atol=0.76)  # rounded to whole levels


def test_frozen_and_strided_frames_do_and_stay_as_they_were() -> None:
    frame = noise(32, 64)
    frozen = frame.copy()
    frozen.flags.writeable = False
    expected = to_tensor(frame[:, ::2].copy(), 0, CPU)
    assert torch.equal(to_tensor(frozen[:, ::2], 0, CPU), expected)
    to_tensor(frozen, 0, CPU).mul_(0)
    np.testing.assert_array_equal(frozen, frame)


@pytest.mark.parametrize(('size', 'height'), [((17, 22), 0), ((64, 96), 32), ((376, 500), 188), ((99, 131), 40)])
def test_labels_come_back_at_the_frames_size(size: tuple[int, int], height: int) -> None:
    frame = np.zeros((*size, 3), np.uint8)
    frame[:, size[1] // 2 :] = 255
    tensor = to_tensor(frame, height, CPU)
    labels = (tensor[0, 0] > 0.5).to(torch.uint8).numpy()
    back = to_frame_size(labels, size, height)
    assert (back.shape, back.dtype, back.flags.c_contiguous) == (size, np.uint8, True)
    wrong = (back != (frame[..., 0] > 127)).any(0)
    scale = size[0] / working_size(size, height)[0]
    assert wrong.sum() <= np.ceil(scale)  # the edge itself, at most


def test_the_padding_is_cut_off_labels() -> None:
    labels = np.full((20, 24), 9, np.uint8)
    labels[:17, :22] = 1
    assert (to_frame_size(labels, (17, 22), 0) == 1).all()


@pytest.mark.parametrize(('size', 'height'), [((17, 22), 0), ((32, 48), 0), ((99, 131), 50), ((64, 96), 32)])
def test_a_map_lies_where_the_frame_does(size: tuple[int, int], height: int) -> None:
    """Compared with upsampling by torch; smooth, so that resampling twice does no harm."""
    high, wide = (-(-side // 4) for side in working_size(size, height))
    ys, xs = np.mgrid[:high, :wide].astype(np.float32)
    quarter = np.sin(ys / 5) + np.cos(xs / 6)
    rows, columns = working_size(size, height)
    working = up(torch.from_numpy(quarter)[None, None])[..., :rows, :columns]
    expected = torch.nn.functional.interpolate(working, size=size, mode='bilinear', align_corners=False)[0, 0].numpy()
    np.testing.assert_allclose(map_at_frame_size(quarter, size, height), expected, atol=0.02)
