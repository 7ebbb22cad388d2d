# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Tiny images in the layouts of the data sets."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

Write = Callable[..., Path]
SIZE = (16, 24)


@pytest.fixture
def write() -> Write:
    """Write an image, RGB or grey; by default 16x24 of one value."""

    def to(path: Path, image: NDArray | int | tuple[int, int, int] = 90, size: tuple[int, int] = SIZE) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(image, tuple):
            image = np.broadcast_to(np.array(image, np.uint8), (*size, 3))
        elif isinstance(image, int):
            image = np.full(size, image, np.uint8)
        assert cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)
        return path

    return to
