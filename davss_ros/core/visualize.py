# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Pictures for people: label colours, overlay and a heat map of the distortion."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import SemanticClass

Image = NDArray[np.uint8]


class Painter:
    """Turns labels and distortion into RGB images.

    Args:
        classes: their colours; every other id is black.
    """

    def __init__(self, classes: Sequence[SemanticClass]) -> None:
        self._palette = np.zeros((256, 1, 3), np.uint8)
        for number, semantic_class in enumerate(classes):
            self._palette[number, 0] = semantic_class.color
        ramp = np.arange(256, dtype=np.uint8)[:, None]
        heat = cv2.cvtColor(cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
        self._heat = heat.astype(np.uint8, copy=False)

    def colors(self, labels: Image) -> Image:
        """Map (H, W) uint8 ids to (H, W, 3) uint8 RGB."""
        return _look_up(labels, self._palette)

    def overlay(self, image: Image, labels: Image, opacity: float) -> Image:
        """Lay the label colours over the RGB image, both (H, W, ...); ``opacity`` 0 shows the image alone, 1 none."""
        blended = cv2.addWeighted(image, 1 - opacity, self.colors(labels), opacity, 0)
        return blended.astype(np.uint8, copy=False)

    def heat(self, distortion: NDArray[np.float32]) -> Image:
        """Map (H, W) float32 to (H, W, 3) uint8 RGB over the fixed range 0 (black) to 1 (pale yellow)."""
        return _look_up((np.clip(distortion, 0, 1) * 255).astype(np.uint8), self._heat)


def _look_up(values: Image, table: Image) -> Image:
    return cv2.LUT(cv2.merge([values, values, values]), table.reshape(1, 256, 3)).astype(np.uint8, copy=False)
