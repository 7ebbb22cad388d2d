# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Temporal consistency: whether the labels of a frame equal those of the frame before, carried along the flow.

As Liu, Shen, Yu and Wang measure it (Efficient semantic video segmentation with per-frame inference, ECCV 2020): mIoU
between the labels and the last frame's, warped. The flow is OpenCV's DIS at full size, whatever flow the model uses;
pixels that the frame before does not show are left out by a forward-backward check (Sundaram, Brox and Keutzer, ECCV
2010). It needs no true labels, and says nothing about accuracy: labels that stay wrong are consistent.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import VOID

Image = NDArray[np.uint8]
Field = NDArray[np.float32]


class Correspondence:
    """Where the pixels of a frame were in the frame before.

    Args:
        image: (H, W, 3) uint8 RGB, at least 16 px a side.
        previous: the frame before it, of the same size.

    Attributes:
        visible: (H, W) bool, the pixel was in view.
    """

    def __init__(self, image: Image, previous: Image) -> None:
        now, before = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (image, previous))
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        height, width = now.shape
        there: Field = dis.calc(now, before, np.zeros((height, width, 2), np.float32)).astype(np.float32, copy=False)
        back = dis.calc(before, now, np.zeros((height, width, 2), np.float32))
        ys, xs = np.mgrid[:height, :width].astype(np.float32)
        x, y = xs + there[..., 0], ys + there[..., 1]
        returned = cv2.remap(back, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(
            np.float32, copy=False
        )
        gap, length = _squared(there + returned), _squared(there) + _squared(returned)
        column, row = np.rint(x).astype(np.int64), np.rint(y).astype(np.int64)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        self.visible: NDArray[np.bool_] = inside & (gap <= 0.01 * length + 0.5)  # px^2; Sundaram et al., equation 5
        self._source = np.where(self.visible, row * width + column, 0)

    def carry(self, labels: Image) -> Image:
        """Return (H, W) uint8 ``labels`` of the frame before as they lie in this one; void where it was not in view."""
        return np.where(self.visible, labels.ravel()[self._source], np.uint8(VOID))


def _squared(field: Field) -> Field:
    return np.square(field[..., 0]) + np.square(field[..., 1])
