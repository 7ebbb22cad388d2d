# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import cv2
import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import VOID
from davss_ros.evaluate.consistency import Correspondence

Image = NDArray[np.uint8]
SHIFT = 3  # px, to the right


def textured(seed: int, shape: tuple[int, int]) -> Image:
    noise = np.random.default_rng(seed).integers(0, 255, (*shape, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


def test_labels_move_as_the_image_does() -> None:
    wide = textured(0, (80, 120))
    previous, image = wide[:, SHIFT:103], wide[:, : 103 - SHIFT]
    labels = np.random.default_rng(1).integers(0, 5, (80, 120), np.uint8)
    labels = cv2.resize(labels[:8, :12], (120, 80), interpolation=cv2.INTER_NEAREST)
    carried = Correspondence(image, previous).carry(np.ascontiguousarray(labels[:, SHIFT:103]))
    inner = np.s_[8:-8, 10:-8]
    assert (carried[inner] == labels[:, : 103 - SHIFT][inner]).mean() > 0.97
    assert (labels[:, SHIFT:103][inner] == labels[:, : 103 - SHIFT][inner]).mean() < 0.9  # not so where nothing moves


def test_what_was_not_in_view_is_void() -> None:
    previous, image = textured(0, (80, 100)), textured(0, (80, 100))
    image[20:60, 30:70] = textured(1, (40, 40))  # something new
    match = Correspondence(image, previous)
    labels = np.ones((80, 100), np.uint8)
    carried = match.carry(labels)
    assert (carried[25:55, 35:65] == VOID).mean() > 0.4
    assert (carried[:, :20] == 1).mean() > 0.99
    np.testing.assert_array_equal(carried == VOID, ~match.visible)


def test_a_still_image_keeps_its_labels() -> None:
    image = textured(0, (32, 40))
    labels = np.random.default_rng(1).integers(0, 5, (32, 40), np.uint8)
    np.testing.assert_array_equal(Correspondence(image, image).carry(labels), labels)
