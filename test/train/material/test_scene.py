# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from davss_ros.core.classes import SemanticClass, load_classes
from davss_ros.train.material.scene import Camera, SceneClasses, inverse_depth, scene_classes

Image = NDArray[np.uint8]
HEIGHT, WIDTH = 90, 120
SKY, BUILDING, ROAD, CAR, PAVEMENT = 0, 1, 3, 8, 4
STILL = SceneClasses(sky=(SKY,), ground=(ROAD, PAVEMENT), movable=())  # nothing to paste


def street() -> Image:
    labels = np.full((HEIGHT, WIDTH), SKY, np.uint8)
    labels[25:55, :70] = BUILDING
    labels[55:] = ROAD
    labels[40:70, 80:110] = CAR  # foot at row 69
    return labels


def plane(row: int) -> float:  # horizon 0.45 of the height
    return max(0.0, (row - 0.45 * HEIGHT) / (HEIGHT - 0.45 * HEIGHT))


def test_inverse_depth_of_the_ground_is_linear_below_the_horizon() -> None:
    near = inverse_depth(np.full((HEIGHT, WIDTH), ROAD, np.uint8), STILL)
    assert near.shape == (HEIGHT, WIDTH) and near.dtype == np.float32
    for row in range(HEIGHT):
        assert near[row] == pytest.approx(plane(row), abs=0.021)
    assert near[-1] == pytest.approx(1, abs=0.021)


def test_inverse_depth_of_a_thing_is_that_of_its_foot() -> None:
    near = inverse_depth(street(), STILL)
    assert near[40:70, 80:110] == pytest.approx(plane(69), abs=0.021)  # car
    assert near[25:55, :70] == pytest.approx(plane(54), abs=0.021)  # building
    assert not near[:25].any() and not near[:40, 70:].any()  # sky
    assert near[80, 95] == pytest.approx(plane(80), abs=0.021)  # road below the car


def test_inverse_depth_of_a_thing_cut_by_the_images_foot_is_nearest() -> None:
    labels = np.full((HEIGHT, WIDTH), ROAD, np.uint8)
    labels[30:, 50:60] = CAR
    near = inverse_depth(labels, STILL)
    assert near[30:, 50:60] == pytest.approx(1, abs=0.021)
    assert near[60, 20] == pytest.approx(plane(60), abs=0.021)


def test_roles_come_from_the_names() -> None:
    camvid, cityscapes = (scene_classes(load_classes(name)) for name in ('camvid11', 'cityscapes19'))
    assert camvid == SceneClasses(sky=(0,), ground=(3, 4), movable=(2, 6, 8, 9, 10))
    assert cityscapes.sky == (10,) and {0, 1} <= set(cityscapes.ground) and {5, 7, 11, 13} <= set(cityscapes.movable)
    assert scene_classes([SemanticClass('Cat', (0, 0, 0))]) == SceneClasses()


def test_a_rolling_camera_sees_a_homography() -> None:
    corners = np.array([(1, 2), (-1, 0.5), (0.3, -2), (0.7, 1.5)], np.float32)
    camera = Camera(np.zeros((HEIGHT, WIDTH), np.float32), (60, 40), 0.03, (0, 0), corners)  # all is far away
    ends = np.array([(0, 0), (WIDTH - 1, 0), (WIDTH - 1, HEIGHT - 1), (0, HEIGHT - 1)], np.float32)
    matrix = cv2.getPerspectiveTransform(ends, ends + 3 * corners)
    for point in [(10, 20), (100, 5), (60, 80)]:
        moved = matrix @ (*point, 1)
        at = camera.from_still(3, *(np.full((1, 1), c, np.float32) for c in point))
        assert [float(at[0][0, 0]), float(at[1][0, 0])] == pytest.approx(list(moved[:2] / moved[2]), abs=1e-3)
    back_x, back_y = camera.from_still(3, *camera.to_still(3))
    ys, xs = np.mgrid[:HEIGHT, :WIDTH]
    assert back_x == pytest.approx(xs, abs=1e-3) and back_y == pytest.approx(ys, abs=1e-3)


def test_a_camera_that_drives_sees_near_things_spread_from_the_focus() -> None:
    camera = Camera(np.full((HEIGHT, WIDTH), 0.5, np.float32), (60, 40), 0.04, (2, -1))
    xs, ys = camera.from_still(5, *(np.full((1, 1), c, np.float32) for c in (80, 70)))
    closer = 1 - 0.04 * 5 * 0.5  # of the distance is left
    assert float(xs[0, 0]) == pytest.approx(60 + 20 / closer - 10, abs=1e-4)
    assert float(ys[0, 0]) == pytest.approx(40 + 30 / closer + 5, abs=1e-4)
