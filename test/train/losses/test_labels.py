# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from davss_ros.core.classes import VOID
from davss_ros.train.losses.labels import lovasz_softmax, segmentation_loss, up_every_second

CLASSES = 4


def one_hot(labels: Tensor) -> Tensor:
    return F.one_hot(labels, CLASSES).float()


def slow_jaccard_loss(predicted: Tensor, true: Tensor) -> float:
    losses = []
    for label in set(true.tolist()):
        pairs = list(zip(predicted.tolist(), true.tolist(), strict=True))
        both = sum(p == label and t == label for p, t in pairs)
        losses.append(1 - both / sum(label in pair for pair in pairs))
    return sum(losses) / len(losses)


def choquet(probabilities: Tensor, labels: Tensor) -> float:  # Lovász extension as the integral over thresholds
    losses = []
    for label in labels.unique():
        errors = ((labels == label).double() - probabilities[:, label].double()).abs()
        integral, levels = 0.0, [0.0, *sorted(errors.tolist())]
        for low, high in pairwise(levels):
            wrong = errors > low
            missed = int((wrong & (labels == label)).sum())
            total = int((labels == label).sum())
            false = int(wrong.sum()) - missed
            integral += (high - low) * (1 - (total - missed) / (total + false))
        losses.append(integral)
    return sum(losses) / len(losses)


@pytest.mark.parametrize('seed', range(8))
@pytest.mark.parametrize('present', [1, 2, CLASSES])
def test_lovasz_of_certain_predictions_is_the_jaccard_loss(seed: int, present: int) -> None:
    rng = np.random.default_rng(seed)
    predicted = torch.from_numpy(rng.integers(0, CLASSES, 60))
    true = torch.from_numpy(rng.integers(0, present, 60))  # the others are absent and do not count
    assert float(lovasz_softmax(one_hot(predicted), true)) == pytest.approx(
        slow_jaccard_loss(predicted, true), abs=1e-5
    )


@pytest.mark.parametrize('seed', range(5))
def test_lovasz_between_is_the_integral_over_thresholds(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.randn(40, CLASSES, generator=generator).softmax(1)
    labels = torch.randint(0, CLASSES, (40,), generator=generator)
    assert float(lovasz_softmax(probabilities, labels)) == pytest.approx(choquet(probabilities, labels), abs=1e-5)


def test_lovasz_does_not_depend_on_the_order_of_pixels() -> None:
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.randn(50, CLASSES, generator=generator).softmax(1)
    labels = torch.randint(0, CLASSES, (50,), generator=generator)
    order = torch.randperm(50, generator=generator)
    shuffled = lovasz_softmax(probabilities[order], labels[order])
    assert float(shuffled) == pytest.approx(float(lovasz_softmax(probabilities, labels)), abs=1e-6)


def test_following_the_gradient_of_lovasz_lowers_it() -> None:
    scores = torch.randn(50, CLASSES, generator=torch.Generator().manual_seed(1)).requires_grad_()
    labels = torch.randint(0, CLASSES, (50,), generator=torch.Generator().manual_seed(2))
    before = lovasz_softmax(scores.softmax(1), labels)
    before.backward()
    assert scores.grad is not None and scores.grad.isfinite().all()
    after = lovasz_softmax((scores - 0.1 * scores.grad / scores.grad.norm()).softmax(1), labels)
    assert after < before


def test_lovasz_of_no_pixel_is_zero_with_a_gradient() -> None:
    probabilities = torch.zeros(0, CLASSES, requires_grad=True)
    loss = lovasz_softmax(probabilities, torch.zeros(0, dtype=torch.long))
    loss.backward()
    assert float(loss.detach()) == 0


def halves(height: int = 32, width: int = 48) -> tuple[Tensor, Tensor]:  # scores at 1/4 size of two flat halves
    labels = torch.zeros(2, height, width, dtype=torch.long)
    labels[:, :, width // 2 :] = 3
    return 40 * one_hot(labels[:, ::4, ::4]).permute(0, 3, 1, 2), labels


@pytest.mark.parametrize('offset', [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_perfect_prediction_costs_nothing_and_its_opposite_much(offset: tuple[int, int]) -> None:
    scores, labels = halves()
    assert float(segmentation_loss(scores, labels, offset)) < 1e-3
    assert float(segmentation_loss(scores, 3 - labels, offset)) > 10


@pytest.mark.parametrize('lovasz', [0.0, 0.5, 2.0])
def test_undecided_scores_cost_the_log_of_the_classes(lovasz: float) -> None:
    _, labels = halves()
    loss = segmentation_loss(torch.zeros(2, CLASSES, 8, 12), labels, (0, 0), lovasz)
    flat = labels[:, ::4, ::4].flatten()
    expected = np.log(CLASSES) + lovasz * choquet(torch.full((len(flat), CLASSES), 1 / CLASSES), flat)
    assert float(loss) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize('offset', [(0, 0), (1, 1)])
def test_void_pixels_do_not_count(offset: tuple[int, int]) -> None:
    scores, labels = halves()
    scores[:, :, :4] = -scores[:, :, :4]  # wrong in the upper half
    labels[:, :20] = VOID  # down to where its scores reach
    scores.requires_grad_()
    loss = segmentation_loss(scores, labels, offset)
    loss.backward()
    assert float(loss.detach()) < 1e-3
    assert scores.grad is not None and not scores.grad[:, :, :4].any()


def test_labels_of_void_alone_leave_the_weights_finite() -> None:
    scores = torch.randn(1, CLASSES, 4, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = segmentation_loss(scores, torch.full((1, 16, 16), VOID), (0, 0))
    loss.backward()
    assert loss.isfinite()
    assert scores.grad is not None and scores.grad.isfinite().all()


def test_only_every_second_row_and_column_from_the_offset_counts() -> None:
    scores = torch.randn(1, CLASSES, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(0, CLASSES, (1, 16, 16), generator=torch.Generator().manual_seed(1))
    other = labels.clone()
    other[:, 0::2] = (other[:, 0::2] + 1) % CLASSES
    other[:, :, 1::2] = (other[:, :, 1::2] + 1) % CLASSES
    assert segmentation_loss(scores, other, (1, 0)) == segmentation_loss(scores, labels, (1, 0))
    assert segmentation_loss(scores, other, (0, 0)) != segmentation_loss(scores, labels, (0, 0))


@pytest.mark.parametrize('offset', [(0, 1), (1, 0)])
def test_cross_entropy_part_equals_a_pixel_loop(offset: tuple[int, int]) -> None:
    scores = torch.randn(1, CLASSES, 4, 5, generator=torch.Generator().manual_seed(2))
    labels = torch.randint(0, CLASSES, (1, 16, 20), generator=torch.Generator().manual_seed(3))
    labels[0, 3:9, 4:7] = VOID
    full = cv2.resize(scores[0].permute(1, 2, 0).double().numpy(), (20, 16), interpolation=cv2.INTER_LINEAR)
    costs = []
    for y in range(offset[0], 16, 2):
        for x in range(offset[1], 20, 2):
            if labels[0, y, x] != VOID:
                costs.append(np.log(np.exp(full[y, x]).sum()) - full[y, x, labels[0, y, x]])
    assert float(segmentation_loss(scores, labels, offset, lovasz=0)) == pytest.approx(np.mean(costs), abs=1e-5)


@pytest.mark.parametrize('offset', [(0, 0), (1, 0), (1, 1)])
def test_sampled_upsampling_equals_the_whole_sampled(offset: tuple[int, int]) -> None:
    x = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(4))
    whole = torch.nn.functional.interpolate(x, scale_factor=4, mode='bilinear', align_corners=False)
    torch.testing.assert_close(up_every_second(x, offset), whole[..., offset[0] :: 2, offset[1] :: 2])
