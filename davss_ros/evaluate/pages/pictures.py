# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Pictures inside a page."""

import base64
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import VOID, SemanticClass
from davss_ros.core.visualize import Painter
from davss_ros.evaluate.scores import WorstFrame

Image = NDArray[np.uint8]
WIDTH = 480  # px


def panels(frame: WorstFrame, classes: Sequence[SemanticClass]) -> dict[str, str]:
    """Return image, labels and distortion of a frame as ``data:`` addresses, by caption."""
    painter = Painter(classes)
    wrong = painter.overlay(frame.image, np.full_like(frame.true, VOID), 0.7)  # dimmed
    wrong[(frame.predicted != frame.true) & (frame.true != VOID)] = (255, 40, 40)
    return {
        'image': data_address(frame.image, '.jpg'),
        'predicted': data_address(painter.colors(frame.predicted), '.png'),
        'true': data_address(painter.colors(frame.true), '.png'),
        'wrong pixels, red': data_address(wrong, '.jpg'),
        'distortion, 0 black to 1 yellow': data_address(painter.heat(frame.distortion), '.jpg'),
    }


def data_address(image: Image, suffix: str) -> str:
    """Return (H, W, 3) uint8 RGB as a ``data:`` address, at most `WIDTH` px wide; ``suffix``: ``.jpg`` or ``.png``."""
    height, width = image.shape[:2]
    if width > WIDTH:
        how = cv2.INTER_AREA if suffix == '.jpg' else cv2.INTER_NEAREST  # label colours must not mix
        image = cv2.resize(image, (WIDTH, round(height * WIDTH / width)), interpolation=how).astype(np.uint8)
    _, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    kind = {'.jpg': 'jpeg', '.png': 'png'}[suffix]
    return f'data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode()}'
