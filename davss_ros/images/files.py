"""Picture files."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from davss_ros.errors import DataError

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp')


def read_image(path: Path) -> NDArray[np.uint8]:
    """Return the image at ``path`` as (H, W, 3) uint8 RGB; `DataError` if it cannot be read."""
    return cv2.cvtColor(read_stored(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def read_stored(path: Path, flags: int) -> NDArray[Any]:
    """Return what the picture at ``path`` holds, by OpenCV with its ``flags``; `DataError` if it cannot be read."""
    try:
        image = cv2.imread(str(path), flags)
    except cv2.error as error:  # as of a header that claims billions of pixels
        raise DataError(f'{path}: cannot be read as an image: {error.err}') from error
    if image is None:
        raise DataError(f'{path}: cannot be read as an image')
    return image
