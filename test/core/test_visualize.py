# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import numpy as np

from davss_ros.core.classes import SemanticClass
from davss_ros.core.visualize import Painter

PAINTER = Painter([SemanticClass('a', (10, 20, 30)), SemanticClass('b', (200, 100, 50))])
LABELS = np.array([[0, 1, 255], [1, 1, 7]], np.uint8)


def test_every_id_has_its_colour_and_the_rest_is_black() -> None:
    expected = [[(10, 20, 30), (200, 100, 50), (0, 0, 0)], [(200, 100, 50), (200, 100, 50), (0, 0, 0)]]
    np.testing.assert_array_equal(PAINTER.colors(LABELS), np.array(expected, np.uint8))


def test_opacity_goes_from_the_image_to_the_labels() -> None:
    image = np.full((2, 3, 3), 90, np.uint8)
    np.testing.assert_array_equal(PAINTER.overlay(image, LABELS, 0.0), image)
    np.testing.assert_array_equal(PAINTER.overlay(image, LABELS, 1.0), PAINTER.colors(LABELS))
    assert PAINTER.overlay(image, LABELS, 0.5)[0, 0].tolist() == [50, 55, 60]


def test_heat_has_a_fixed_range_and_grows_brighter() -> None:
    ramp = np.linspace(0, 1, 11, dtype=np.float32)[None]
    brightness = PAINTER.heat(ramp).astype(int).sum(2)[0]
    assert (np.diff(brightness) > 0).all()
    assert brightness[0] < 30
    beyond = PAINTER.heat(np.array([[-1, 2]], np.float32))
    np.testing.assert_array_equal(beyond[0], PAINTER.heat(np.array([[0, 1]], np.float32))[0])
    alone = PAINTER.heat(np.array([[0.3]], np.float32))
    np.testing.assert_array_equal(alone[0, 0], PAINTER.heat(ramp)[0, 3])  # whatever else is in the map
