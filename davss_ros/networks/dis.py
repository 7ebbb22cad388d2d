# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Dense inverse search (Kroeger et al., ECCV 2016) by OpenCV: the default flow, best on a CPU.

The default settings drop the variational refinement of OpenCV's presets. It smooths the flow across the edges of
objects, where labels change: `python -m davss_ros evaluate` on 50 CamVid frames gives propagation alone 68.4 mIoU nine
frames from the key frame without it and 68.2 with it (``--flow dis_medium``), and takes less than half the time.

``coarse`` stops at the size of the result: a third of the time (CPU time, conversions included), and on three clips
without labels, against the key network on every frame, 41.1 mIoU of propagation alone nine frames from the key frame
in place of 41.6, and 54.9 in place of 55.3 one frame from it. A sharper search (25 iterations, patches closer together)
takes that time again and gives nothing back.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from davss_ros.networks.resample import SCALE

PRESETS = {
    'unrefined': cv2.DISOPTICAL_FLOW_PRESET_FAST,  # and then as `DisFlow` says
    'coarse': cv2.DISOPTICAL_FLOW_PRESET_FAST,  # unrefined, down to the size of the result only
    'ultrafast': cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    'fast': cv2.DISOPTICAL_FLOW_PRESET_FAST,
    'medium': cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
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
        if preset in ('unrefined', 'coarse'):
            self._reduce = 2  # the result is wanted at a quarter
            self._dis.setFinestScale(0 if preset == 'unrefined' else 1)
            self._dis.setGradientDescentIterations(12)
            self._dis.setPatchStride(4)
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
        flow = self._dis.calc(image, previous, np.zeros((height, width, 2), np.float32))
        return np.float32(self._reduce / SCALE) * cv2.resize(flow, size, interpolation=cv2.INTER_AREA)


def _gray(images: Tensor, reduce: int) -> list[NDArray[np.uint8]]:
    """Return (H / reduce, W / reduce) of each of (N, 3, H, W); by OpenCV, as a tensor's threads get in its way."""
    return [_gray_of(image, reduce) for image in images.float().permute(0, 2, 3, 1).cpu().contiguous().numpy()]


def _gray_of(image: NDArray[np.float32], reduce: int) -> NDArray[np.uint8]:
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)  # ITU-R BT.601
    small = cv2.resize(gray, (gray.shape[1] // reduce, gray.shape[0] // reduce), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.convertScaleAbs(small, alpha=255), np.uint8)
