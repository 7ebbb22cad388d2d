# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Samples of motion as another key network might have given them: fewer classes, surer or less sure scores.

What is trained on such samples depends neither on the class list nor on how sure one key network happens to be.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional as F

from davss_ros.core.labels import merge_sparse
from davss_ros.networks.resample import SCALE


@dataclass(frozen=True)
class Regrouping:
    """Ranges of the random changes.

    Attributes:
        share: of batches whose classes are merged at random into fewer.
        temperature: lowest and highest number by which scores are divided.
    """

    share: float = 0.0
    temperature: tuple[float, float] = (1.0, 1.0)


def regrouped(
    scores: Tensor, teacher: Tensor, wrong: Tensor, rng: Generator, ranges: Regrouping
) -> tuple[Tensor, Tensor]:
    """Return propagated scores (N, C', h, w), and the share of wrong labels that goes with them (N, h, w).

    Args:
        scores: propagated (N, C, h, w).
        teacher: what the key network says of the current frame (N, C, h, w).
        wrong: share of each 4x4 block in which the labels of both differ (N, h, w).
        rng: source of all randomness.
        ranges: how far to go.
    """
    classes = scores.shape[1]
    if classes > 2 and rng.random() < ranges.share:
        groups = random_groups(classes, rng)
        scores, teacher = merged(scores, groups), merged(teacher, groups)
        differ = merge_sparse(scores) != merge_sparse(teacher)
        wrong = F.avg_pool2d(differ.float(), SCALE)
    low, high = ranges.temperature
    if low == high == 1.0:
        return scores, wrong
    return scores / float(np.exp(rng.uniform(np.log(low), np.log(high)))), wrong


def random_groups(classes: int, rng: Generator) -> list[int]:
    """Return the group of each class; there are at least two groups, fewer than classes, and none is empty."""
    count = int(rng.integers(2, classes))
    groups = np.concatenate([np.arange(count), rng.integers(0, count, classes - count)])
    return [int(group) for group in rng.permutation(groups)]


def merged(scores: Tensor, groups: list[int]) -> Tensor:
    """Return the scores of groups of classes (N, G, h, w): softmax gives each the sum of its classes' probabilities."""
    of = np.asarray(groups)
    parts = [scores[:, np.flatnonzero(of == group)].logsumexp(1) for group in range(int(of.max()) + 1)]
    return torch.stack(parts, 1)
