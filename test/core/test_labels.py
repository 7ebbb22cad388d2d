# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from davss_ros.core.labels import merge_dense, merge_scores, merge_sparse


def smooth(generator: torch.Generator, channels: int, size: tuple[int, int], coarse: int) -> Tensor:
    small = torch.randn(1, channels, max(2, size[0] // coarse), max(2, size[1] // coarse), generator=generator)
    return F.interpolate(small, size=size, mode='bicubic', align_corners=False)


CASES = [((12, 16), 5, 4), ((30, 41), 11, 6), ((1, 1), 3, 1), ((1, 9), 2, 2), ((7, 1), 19, 1)]


@pytest.mark.parametrize(('size', 'classes', 'coarse'), CASES)
@pytest.mark.parametrize('power', [0.2, 1.0, 6.0])
def test_sparse_labels_equal_dense_ones(size: tuple[int, int], classes: int, coarse: int, power: float) -> None:
    generator = torch.Generator().manual_seed(7)
    scores = 5 * smooth(generator, classes, size, coarse)
    correction = scores + 4 * smooth(generator, classes, size, 1)
    distortion = torch.rand(1, 1, *size, generator=generator) ** power
    expected = merge_scores(scores, correction, distortion)
    ours = merge_sparse(scores, correction, distortion)
    differing = ours != expected.argmax(1)
    best = expected.topk(2, 1).values
    assert not (differing & (best[:, 0] - best[:, 1] > 1e-5)).any()  # rounding may decide a draw
    assert differing.float().mean() < 1e-3
    assert torch.equal(merge_sparse(scores), merge_dense(scores))


def test_several_images_at_once() -> None:
    generator = torch.Generator().manual_seed(8)
    scores = torch.cat([smooth(generator, 4, (8, 8), 2) for _ in range(3)])
    assert torch.equal(merge_sparse(scores), merge_dense(scores))


def test_equal_scores_are_not_taken_for_certain() -> None:
    scores = torch.zeros(1, 3, 4, 4)
    assert torch.equal(merge_sparse(scores), merge_dense(scores))


def test_no_distortion_keeps_and_full_distortion_replaces() -> None:
    generator = torch.Generator().manual_seed(9)
    scores, correction = smooth(generator, 4, (8, 10), 2), smooth(generator, 4, (8, 10), 2)
    none, full = torch.zeros(1, 1, 8, 10), torch.ones(1, 1, 8, 10)
    for merge in (merge_sparse, merge_dense):
        assert torch.equal(merge(scores, correction, none), merge_dense(scores))
        assert torch.equal(merge(scores, correction, full), merge_dense(correction))


def test_merge_is_the_papers_formula() -> None:
    rng = np.random.default_rng(3)
    scores, correction = rng.normal(size=(1, 3, 1, 1)), rng.normal(size=(1, 3, 1, 1))
    distortion = np.full((1, 1, 1, 1), 0.3)
    ours = merge_scores(*(torch.from_numpy(x) for x in (scores, correction, distortion)))
    np.testing.assert_allclose(ours.numpy(), np.broadcast_to(0.7 * scores + 0.3 * correction, (1, 3, 4, 4)))
