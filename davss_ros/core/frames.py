# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Frames on their way in and labels on their way out: checks, working size, padding."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.errors import FrameError
from davss_ros.images.files import read_image
from davss_ros.images.header import LARGEST_SIDE
from davss_ros.networks.resample import SCALE, pad_to_multiple

STREET = Path(__file__).parent / 'street'  # two scenes of the video that `make demo` shows
SMALLEST, LARGEST = 16, LARGEST_SIDE  # px, of a frame's sides


def check_frame(frame: Any) -> None:
    """Raise `FrameError` unless ``frame`` is (H, W, 3) uint8 with sides of `SMALLEST` to `LARGEST` px."""
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        found = f'{frame.dtype} {frame.shape}' if isinstance(frame, np.ndarray) else type(frame).__name__
        raise FrameError(f'frame: expected (H, W, 3) uint8 RGB, found {found}')
    if not all(SMALLEST <= side <= LARGEST for side in frame.shape[:2]):
        raise FrameError(
            f'frame: expected sides of {SMALLEST} to {LARGEST} px, found {frame.shape[1]}x{frame.shape[0]}'
        )


def working_size(size: tuple[int, ...], working_height: int) -> tuple[int, int]:
    """Return the (height, width) at which frames of ``size`` are segmented; they are never enlarged."""
    height, width = size
    if not working_height or working_height >= height:
        return height, width
    return working_height, max(SMALLEST, SCALE * round(width * working_height / height / SCALE))


def to_tensor(frame: NDArray[np.uint8], working_height: int, device: torch.device) -> Tensor:
    """Return the frame at working size, sides padded to multiples of 4: (1, 3, H', W') float32 in [0, 1]."""
    height, width = working_size(frame.shape[:2], working_height)
    if (height, width) != frame.shape[:2]:
        frame = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    # a message's bytes are read-only, which torch warns of; nothing here writes to them, but a copy is cheap
    pixels = torch.from_numpy(np.require(frame, requirements=('C', 'W'))).to(device)
    return pad_to_multiple(pixels.permute(2, 0, 1)[None].float().div_(255))


def to_frame_size(labels: NDArray[np.uint8], size: tuple[int, ...], working_height: int) -> NDArray[np.uint8]:
    """Return labels of the padded working size at the frame's own ``size``, each pixel the nearest one."""
    height, width = working_size(size, working_height)
    labels = labels[:height, :width]
    if labels.shape == size:
        return np.ascontiguousarray(labels)
    return cv2.resize(labels, (size[1], size[0]), interpolation=cv2.INTER_NEAREST).astype(np.uint8, copy=False)


def map_at_frame_size(quarter: NDArray[np.float32], size: tuple[int, ...], working_height: int) -> NDArray[np.float32]:
    """Return a map at 1/4 of the padded working size, (h, w), at the frame's own ``size``, bilinear: (H, W) float32."""
    height, width = working_size(size, working_height)
    if height % SCALE == 0 and width % SCALE == 0:
        full = cv2.resize(quarter, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    else:  # part of the map is of padding
        down, right = height / size[0] / SCALE, width / size[1] / SCALE
        back = np.array([[right, 0, (right - 1) / 2], [0, down, (down - 1) / 2]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        full = cv2.warpAffine(quarter, back, (size[1], size[0]), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return full.astype(np.float32, copy=False)


def street_scenes(size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Return two real frames of different scenes, scaled to that (height, width): (H, W, 3) uint8 RGB each."""
    return [
        cv2.resize(read_image(path), size[::-1], interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
        for path in sorted(STREET.glob('*.jpg'))
    ]
