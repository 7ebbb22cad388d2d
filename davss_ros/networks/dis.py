# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Dense inverse search (Kroeger et al., ECCV 2016) by OpenCV, for CPUs.

``dis`` drops the variational refinement of OpenCV's presets. It smooths the flow across the edges of
objects, where labels change: `python -m davss_ros evaluate` on 50 CamVid frames gives propagation alone 68.4 mIoU nine
frames from the key frame without it and 68.2 with it (``--flow dis_medium``), and takes less than half the time.

``even`` has patches 6 px apart instead of 4, compared as they are, after both frames were made equally bright in the
mean, instead of each by its own mean: 42 % less time (CPU time, conversions included). On three clips without labels,
against the key network on every frame, propagation alone has 51.2 mIoU nine frames from the key frame instead of 50.8,
55.7 instead of 55.4 at five, 64.8 both at one; as much if every frame is up to 6 % brighter or darker.

``coarse`` stops at the size of the result: a third of the time, and there 50.0, 55.1 and 64.7. A sharper search (25
iterations, patches closer together) takes that time again and gives nothing back.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from davss_ros.networks.resample import SCALE

PRESETS = {
    'unrefined': cv2.DISOPTICAL_FLOW_PRESET_FAST,  # and then as `DisFlow` says
    'even': cv2.DISOPTICAL_FLOW_PRESET_FAST,  # unrefined, patches farther apart
    'coarse': cv2.DISOPTICAL_FLOW_PRESET_FAST,  # unrefined, down to the size of the result only
    'ultrafast': cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    'fast': cv2.DISOPTICAL_FLOW_PRESET_FAST,
    'medium': cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
LARGEST_GAIN = 1.5  # of brightness from frame to frame
SMALLEST = 16  # px; OpenCV's pyramid needs some room


class DisFlow(nn.Module):
    """Flow from a frame to the one before it, at 1/4 size. Has no weights; computes on the CPU whatever the device.

    Args:
        preset: a key of `PRESETS`.
    """

    def __init__(self, preset: str = 'unrefined') -> None:
        super().__init__()
        self._dis = cv2.DISOpticalFlow.create(PRESETS[preset])
        self._reduce = 1  # the images, before anything is done with them
        self._even = False  # whether they are made equally bright
        if preset in ('unrefined', 'even', 'coarse'):
            self._reduce = 2  # the result is wanted at a quarter
            self._even = preset == 'even'
            self._dis.setFinestScale(1 if preset == 'coarse' else 0)
            self._dis.setGradientDescentIterations(12)
            self._dis.setPatchStride(6 if self._even else 4)
            self._dis.setUseMeanNormalization(not self._even)
            self._dis.setVariationalRefinementIterations(0)

    def forward(self, image: Tensor, previous: Tensor) -> Tensor:
        """Return the flow (N, 2, H / 4, W / 4), (dx, dy) in 1/4-size pixels, from ``image`` to ``previous``.

        Both are (N, 3, H, W) RGB in [0, 1], H and W multiples of 4.
        """
        pairs = zip(_gray(image, self._reduce), _gray(previous, self._reduce), strict=True)
        size = image.shape[3] // SCALE, image.shape[2] // SCALE
        flow = torch.from_numpy(np.stack([self._flow(now, before, size) for now, before in pairs]))
        return flow.permute(0, 3, 1, 2).to(image)

    def _flow(
        self, image: NDArray[np.uint8], previous: NDArray[np.uint8], size: tuple[int, int]
    ) -> NDArray[np.float32]:
        height, width = image.shape
        if min(height, width) < SMALLEST:
            return np.zeros((*size[::-1], 2), np.float32)
        if self._even:
            image = _as_bright(image, previous)
        flow = self._dis.calc(image, previous, np.zeros((height, width, 2), np.float32))
        return np.float32(self._reduce / SCALE) * cv2.resize(flow, size, interpolation=cv2.INTER_AREA)


def _as_bright(image: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a grey image with the mean of the ``other``, unless they are of different scenes."""
    ratio = float(other.mean()) / max(float(image.mean()), 1.0)
    gain = min(max(ratio, 1 / LARGEST_GAIN), LARGEST_GAIN)
    return np.asarray(cv2.convertScaleAbs(image, alpha=gain), np.uint8)


def _gray(images: Tensor, reduce: int) -> list[NDArray[np.uint8]]:
    """Return (H / reduce, W / reduce) of each of (N, 3, H, W); by OpenCV, as a tensor's threads get in its way."""
    return [_gray_of(image, reduce) for image in images.float().permute(0, 2, 3, 1).cpu().contiguous().numpy()]


def _gray_of(image: NDArray[np.float32], reduce: int) -> NDArray[np.uint8]:
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)  # ITU-R BT.601
    small = cv2.resize(gray, (gray.shape[1] // reduce, gray.shape[0] // reduce), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.convertScaleAbs(small, alpha=255), np.uint8)
