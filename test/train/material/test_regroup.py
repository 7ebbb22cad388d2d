# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from davss_ros.networks.resample import up
from davss_ros.train.material.regroup import Regrouping, merged, random_groups, regrouped


@pytest.fixture
def scores() -> torch.Tensor:
    return torch.randn(2, 5, 6, 8, generator=torch.Generator().manual_seed(0)) * 2


def test_a_group_has_the_probability_of_its_classes(scores: torch.Tensor) -> None:
    probabilities = scores.softmax(1)
    found = merged(scores, [1, 0, 1, 2, 0]).softmax(1)
    expected = torch.stack([probabilities[:, [1, 4]].sum(1), probabilities[:, [0, 2]].sum(1), probabilities[:, 3]], 1)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize('seed', range(20))
def test_groups_are_fewer_than_classes_and_none_is_empty(seed: int) -> None:
    groups = random_groups(6, np.random.default_rng(seed))
    assert len(groups) == 6
    assert 2 <= len(set(groups)) < 6
    assert set(groups) == set(range(max(groups) + 1))


def test_what_is_wrong_goes_with_the_merged_classes(scores: torch.Tensor) -> None:
    teacher = torch.randn(2, 5, 6, 8, generator=torch.Generator().manual_seed(1)) * 2
    wrong = torch.full((2, 6, 8), 0.5)
    found, share = regrouped(scores, teacher, wrong, np.random.default_rng(3), Regrouping(share=1.0))
    rng = np.random.default_rng(3)
    rng.random()
    groups = random_groups(5, rng)
    torch.testing.assert_close(found, merged(scores, groups))
    differ = up(merged(scores, groups)).argmax(1) != up(merged(teacher, groups)).argmax(1)
    torch.testing.assert_close(share, F.avg_pool2d(differ.float(), 4))
    assert share.mean() < wrong.mean() or not torch.equal(share, wrong)


def test_temperature_changes_how_sure_and_not_which(scores: torch.Tensor) -> None:
    wrong = torch.rand(2, 6, 8)
    ranges = Regrouping(temperature=(2.0, 4.0))
    found, share = regrouped(scores, scores, wrong, np.random.default_rng(0), ranges)
    assert torch.equal(share, wrong)
    assert torch.equal(found.argmax(1), scores.argmax(1))
    ratio = scores / found
    assert 2.0 <= float(ratio.min()) <= float(ratio.max()) <= 4.0001


def test_nothing_changes_by_default(scores: torch.Tensor) -> None:
    wrong = torch.rand(2, 6, 8)
    found, share = regrouped(scores, scores, wrong, np.random.default_rng(0), Regrouping())
    assert torch.equal(found, scores) and torch.equal(share, wrong)
