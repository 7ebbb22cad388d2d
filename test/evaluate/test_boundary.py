# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from math import hypot

import numpy as np
import pytest
from numpy.typing import NDArray

from davss_ros.core.classes import VOID
from davss_ros.evaluate.boundary import BoundaryScore, boundary

Image = NDArray[np.uint8]
CLASSES = 4
SIDE = 300  # px; 0.75 % of the diagonal is 3.18 px


def slow_boundary(labels: Image, index: int) -> list[tuple[int, int]]:
    height, width = labels.shape
    found = []
    for y, x in zip(*np.nonzero(labels == index), strict=True):
        near = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        values = [labels[a, b] for a, b in near if 0 <= a < height and 0 <= b < width]
        if any(value not in (index, VOID) for value in values):
            found.append((int(y), int(x)))
    return found


def slow_share(these: list[tuple[int, int]], those: list[tuple[int, int]], tolerance: float) -> float:
    if not these:
        return 0.0
    return sum(any(hypot(y - b, x - a) <= tolerance for b, a in those) for y, x in these) / len(these)


def slow_f(predicted: Image, true: Image, index: int, tolerance: float) -> float:
    found = slow_boundary(np.where(true == VOID, VOID, predicted), index)
    sought = slow_boundary(true, index)
    if not found and not sought:
        return float('nan')
    precision, recall = slow_share(found, sought, tolerance), slow_share(sought, found, tolerance)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def blobs(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    labels = np.zeros(shape, np.uint8)
    for _ in range(6):
        y, x = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        labels[y : y + rng.integers(3, 30), x : x + rng.integers(3, 60)] = rng.integers(0, CLASSES)
    return labels


@pytest.mark.parametrize('seed', range(4))
def test_f_equals_that_of_single_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = blobs(rng, (40, SIDE))
    predicted = np.roll(true, (seed, -seed), (0, 1))  # some edges within reach, others not
    predicted[10:20, 100:150] = rng.integers(0, CLASSES)
    true[30:, :40] = VOID
    ours = BoundaryScore(CLASSES)
    ours.add(predicted, true)
    tolerance = 0.0075 * hypot(40, SIDE)
    expected = [slow_f(predicted, true, index, tolerance) for index in range(CLASSES)]
    np.testing.assert_allclose(ours.f(), expected)
    assert ours.mean_f() == pytest.approx(np.nanmean(expected))


def test_boundary_is_both_sides_of_an_edge_and_none_on_void() -> None:
    labels = np.array([[0, 0, 1, 1, VOID, 0]], np.uint8)
    assert boundary(labels).tolist() == [[VOID, 0, 1, VOID, VOID, VOID]]
    assert boundary(labels.T).tolist() == [[VOID], [0], [1], [VOID], [VOID], [VOID]]


@pytest.mark.parametrize(('shift', 'f'), [(0, 1), (3, 1), (4, 0)])
def test_an_edge_counts_within_the_tolerance_only(shift: int, f: float) -> None:
    true, predicted = np.zeros((2, SIDE, SIDE), np.uint8)
    true[:, 100:] = 1
    predicted[:, 100 + shift :] = 1
    score = BoundaryScore(3)
    score.add(predicted, true)
    np.testing.assert_array_equal(score.f(), [f, f, np.nan])


def test_a_class_never_found_scores_nothing() -> None:
    true = np.zeros((20, 20), np.uint8)
    true[:, 10:] = 1
    score = BoundaryScore(2)
    score.add(np.zeros_like(true), true)
    assert score.f().tolist() == [0, 0]


def test_images_are_pooled() -> None:
    rng = np.random.default_rng(0)
    parts, whole = [BoundaryScore(CLASSES) for _ in range(2)], BoundaryScore(CLASSES)
    for part in parts:
        true = blobs(rng, (30, 60))
        predicted = np.roll(true, 2, 0)
        part.add(predicted, true)
        whole.add(predicted, true)
    np.testing.assert_allclose((parts[0] + parts[1]).f(), whole.f())
    assert np.isnan(BoundaryScore(2).mean_f())
