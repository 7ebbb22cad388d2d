# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from math import isnan

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix
from torchmetrics import JaccardIndex

from davss_ros.core.classes import VOID
from davss_ros.evaluate.confusion import ConfusionMatrix

Image = NDArray[np.uint8]
CLASSES = 4


def slow_iou(pairs: list[tuple[int, int]], index: int) -> float:  # of (predicted, true) pixels
    both = sum(p == index and t == index for p, t in pairs)
    either = sum(index in (p, t) for p, t in pairs)
    return both / either if either else float('nan')


@st.composite
def two_images(draw: st.DrawFn) -> tuple[Image, Image]:
    shape = draw(array_shapes(min_dims=2, max_dims=2, max_side=6))
    predicted = draw(arrays(np.uint8, shape, elements=st.integers(0, CLASSES - 1)))
    true = draw(arrays(np.uint8, shape, elements=st.sampled_from([*range(CLASSES), VOID])))
    return predicted, true


@settings(deadline=None, derandomize=True)
@given(st.lists(two_images(), min_size=1, max_size=3))
def test_counts_and_iou_equal_a_pixel_loop(images: list[tuple[Image, Image]]) -> None:
    matrix = ConfusionMatrix(CLASSES)
    pairs = []
    for predicted, true in images:
        matrix.add(predicted, true)
        pairs += [(int(p), int(t)) for p, t in zip(predicted.flat, true.flat, strict=True) if t != VOID]
    for t in range(CLASSES):
        for p in range(CLASSES):
            assert matrix.counts[t, p] == pairs.count((p, t))
    expected = [slow_iou(pairs, index) for index in range(CLASSES)]
    np.testing.assert_allclose(matrix.iou(), expected, rtol=1e-12)
    labelled = [value for value in expected if not isnan(value)]
    if labelled:
        assert matrix.miou() == pytest.approx(sum(labelled) / len(labelled))


@settings(deadline=None, derandomize=True)
@given(two_images())
def test_counts_equal_those_of_scikit_learn(images: tuple[Image, Image]) -> None:
    predicted, true = images
    matrix = ConfusionMatrix(CLASSES)
    matrix.add(predicted, true)
    labelled = true != VOID
    if not labelled.any():
        assert not matrix.counts.any()
        return
    expected = confusion_matrix(true[labelled], predicted[labelled], labels=range(CLASSES))
    np.testing.assert_array_equal(matrix.counts, expected)
    assert matrix.accuracy() == pytest.approx((predicted == true)[labelled].mean())


@pytest.mark.parametrize('seed', range(5))
def test_iou_equals_that_of_torchmetrics(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 20))
    theirs = JaccardIndex(task='multiclass', num_classes=classes, ignore_index=VOID, average='none')
    mean = JaccardIndex(task='multiclass', num_classes=classes, ignore_index=VOID)
    ours = ConfusionMatrix(classes)
    for _ in range(3):
        true = rng.integers(0, classes, (30, 40), np.uint8)
        predicted = np.where(rng.random(true.shape) < 0.6, true, rng.integers(0, classes, true.shape, np.uint8))
        true[rng.random(true.shape) < 0.1] = VOID
        ours.add(predicted, true)
        for metric in (theirs, mean):
            metric.update(torch.from_numpy(predicted), torch.from_numpy(true).long())
    np.testing.assert_allclose(ours.iou(), theirs.compute().numpy(), rtol=1e-6)
    assert ours.miou() == pytest.approx(float(mean.compute()), rel=1e-6)


def test_matrices_are_pooled() -> None:
    parts, whole = [ConfusionMatrix(2), ConfusionMatrix(2)], ConfusionMatrix(2)
    for part, image in zip(parts, np.array([[[0, 1, 1]], [[1, 1, 0]]], np.uint8), strict=True):
        part.add(image, np.array([[0, 1, 0]], np.uint8))
        whole.add(image, np.array([[0, 1, 0]], np.uint8))
    np.testing.assert_array_equal((parts[0] + parts[1]).counts, whole.counts)
    assert parts[0].counts.sum() == 3  # unchanged


def test_nothing_counted_is_not_a_number() -> None:
    matrix = ConfusionMatrix(2)
    assert isnan(matrix.miou()) and isnan(matrix.accuracy())


def test_example_by_hand() -> None:
    matrix = ConfusionMatrix(3)
    matrix.add(np.array([[0, 0, 1, 1]], np.uint8), np.array([[0, 1, 1, 1]], np.uint8))
    np.testing.assert_allclose(matrix.iou(), [1 / 2, 2 / 3, np.nan])
    assert matrix.miou() == pytest.approx(7 / 12)


def test_void_pixels_never_count() -> None:
    matrix = ConfusionMatrix(2)
    true = np.array([[VOID, VOID], [0, VOID]], np.uint8)
    matrix.add(np.array([[1, 200], [0, VOID]], np.uint8), true)  # whatever was predicted there
    assert matrix.counts.tolist() == [[1, 0], [0, 0]]


def test_many_pixels_do_not_overflow() -> None:
    matrix = ConfusionMatrix(255)
    image = np.full((300, 300), 254, np.uint8)
    for _ in range(3):
        matrix.add(image, image)
    assert matrix.counts[254, 254] == matrix.counts.sum() == 270_000


@pytest.mark.parametrize('wrong', [4, 5, 254, VOID])
def test_an_id_that_is_no_class_is_refused(wrong: int) -> None:
    matrix = ConfusionMatrix(CLASSES)
    good, bad = np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.uint8)
    bad[1, 2] = wrong
    with pytest.raises(ValueError, match=rf'predicted: expected ids below 4, found {wrong}'):
        matrix.add(bad, good)
    if wrong != VOID:
        with pytest.raises(ValueError):
            matrix.add(good, bad)
    assert not matrix.counts.any()


def test_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r'expected the size of the labels \(3, 2\), found \(2, 3\)'):
        ConfusionMatrix(CLASSES).add(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))
