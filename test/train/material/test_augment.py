# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from davss_ros.train.material.augment import Augmentation, paste, random_view, recolour

Image = NDArray[np.uint8]
VOID = 255
NO_RECOLOUR = Augmentation(brightness=0, contrast=0, saturation=0, hue=0, blur=0)
GREYS = np.array([20, 90, 160, 230], np.uint8)  # grey survives recolouring in HSV unchanged


def scene(height: int = 60, width: int = 80) -> tuple[Image, Image]:
    labels = np.zeros((height, width), np.uint8)
    labels[height // 2 :] = 1
    cv2.circle(labels, (width // 3, height // 3), 11, (2,), -1)
    labels[-25:-8, -22:-6] = 3
    return np.stack([GREYS[labels]] * 3, 2), labels


def inside(labels: Image) -> NDArray[np.bool_]:  # pixels whose neighbours are in the view and have the same label
    square = np.ones((5, 5), np.uint8)
    same = np.asarray(cv2.dilate(labels, square) == cv2.erode(labels, square))
    same[:2], same[-2:], same[:, :2], same[:, -2:] = False, False, False, False
    return same


@pytest.mark.parametrize('seed', range(12))
@pytest.mark.parametrize('size', [(60, 80), (48, 50)])
def test_image_and_labels_move_together(seed: int, size: tuple[int, int]) -> None:
    image, labels = scene()
    view, moved = random_view(image, labels, size, np.random.default_rng(seed), NO_RECOLOUR, rare=(3,))
    assert view.shape == (*size, 3) and moved.shape == size
    assert view.dtype == moved.dtype == np.uint8
    sure = inside(moved) & (moved != VOID)
    assert sure.sum() > 0.3 * sure.size
    assert (abs(view[sure][:, 1].astype(int) - GREYS[moved[sure]]) <= 2).all()
    assert (abs(view[inside(moved) & (moved == VOID)].astype(int) - 127) <= 2).all()


def test_seed_decides_the_view() -> None:
    image, labels = scene()
    views = [random_view(image, labels, (60, 80), np.random.default_rng(s), Augmentation(), (2,)) for s in (5, 5, 6)]
    assert np.array_equal(views[0][0], views[1][0]) and np.array_equal(views[0][1], views[1][1])
    assert not np.array_equal(views[0][1], views[2][1])


def test_about_half_of_the_views_are_mirrored() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[:, :20] = 1
    image = np.stack([labels] * 3, 2)
    ranges = replace(NO_RECOLOUR, scale=(1, 1))
    mirrored = []
    for seed in range(100):
        moved = random_view(image, labels, (40, 40), np.random.default_rng(seed), ranges)[1]
        assert np.array_equal(moved, labels) or np.array_equal(moved, labels[:, ::-1])
        mirrored.append(moved[0, 0] == 0)
    assert 30 < sum(mirrored) < 70


@pytest.mark.parametrize('seed', range(15))
@pytest.mark.parametrize('scale', [0.5, 0.75, 0.9])
def test_a_small_scale_loses_nothing(seed: int, scale: float) -> None:
    labels = np.ones((60, 80), np.uint8)
    labels[:4], labels[-4:], labels[:, :4], labels[:, -4:] = 2, 3, 4, 5  # a frame, each side of its own
    image = np.stack([labels] * 3, 2)
    ranges = replace(NO_RECOLOUR, scale=(scale, scale))
    moved = random_view(image, labels, (60, 80), np.random.default_rng(seed), ranges, rare=(3,))[1]
    expected = moved != VOID
    height, width = expected.any(1).sum(), expected.any(0).sum()
    assert abs(height - 60 * scale) <= 1 and abs(width - 80 * scale) <= 1
    assert expected.sum() == height * width  # one whole rectangle
    assert set(np.unique(moved[expected])) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize('seed', range(15))
@pytest.mark.parametrize('scale', [1.0, 1.3, 1.9])
def test_a_large_scale_leaves_no_border(seed: int, scale: float) -> None:
    image, labels = scene()
    ranges = replace(NO_RECOLOUR, scale=(scale, scale))
    assert (random_view(image, labels, (60, 80), np.random.default_rng(seed), ranges, rare=(2,))[1] != VOID).all()


def test_scale_stays_in_range() -> None:
    labels = np.zeros((60, 60), np.uint8)
    labels[20:40, 20:40] = 1
    image = np.stack([labels] * 3, 2)
    sides = []
    for seed in range(80):
        ranges = replace(NO_RECOLOUR, scale=(0.5, 1.5))
        moved = random_view(image, labels, (200, 200), np.random.default_rng(seed), ranges)[1]
        sides.append(float(np.sqrt((moved == 1).sum())))
    assert 9 <= min(sides) < 13 and 26 < max(sides) <= 31


def test_rare_classes_are_seen_more_often() -> None:
    labels = np.zeros((200, 200), np.uint8)
    labels[3:7, 190:194] = 1  # in a corner
    image = np.stack([labels] * 3, 2)
    ranges = replace(NO_RECOLOUR, scale=(1, 1), rare_share=0.6)

    def count(rare: tuple[int, ...]) -> int:
        rngs = map(np.random.default_rng, range(100))
        return sum((random_view(image, labels, (50, 50), rng, ranges, rare)[1] == 1).any() for rng in rngs)

    assert count((1,)) >= 45
    assert count(()) < 25
    assert count((7,)) < 25  # absent


def test_recolouring_by_nothing_changes_nothing_much() -> None:
    image = cv2.resize(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8), (64, 48))
    same = recolour(image, np.random.default_rng(0), NO_RECOLOUR)
    assert same.dtype == np.uint8 and abs(same.astype(int) - image).max() <= 6  # HSV rounds


def test_recolouring_keeps_flat_things_flat_and_varies() -> None:
    flat = np.full((20, 30, 3), (120, 80, 60), np.uint8)
    colors = set()
    for seed in range(30):
        view = recolour(flat, np.random.default_rng(seed), Augmentation())
        assert (view == view[0, 0]).all()
        factor = view.mean() / flat.mean()
        assert 0.6 < factor < 1.4
        colors.add(tuple(view[0, 0].tolist()))
    assert len(colors) > 20


def test_paste_lays_the_named_classes_over_and_nothing_else() -> None:
    rng = np.random.default_rng(5)
    view = rng.integers(0, 255, (6, 8, 3), np.uint8), rng.integers(0, 4, (6, 8)).astype(np.uint8)
    other = rng.integers(0, 255, (6, 8, 3), np.uint8), rng.integers(0, 4, (6, 8)).astype(np.uint8)
    image, labels = paste(view, other, (1, 3))
    for y in range(6):
        for x in range(8):
            source = other if other[1][y, x] in (1, 3) else view
            assert labels[y, x] == source[1][y, x]
            assert (image[y, x] == source[0][y, x]).all()
    untouched = paste(view, other, ())
    assert (untouched[0] == view[0]).all() and (untouched[1] == view[1]).all()
