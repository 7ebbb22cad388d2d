# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The shipped model on labelled video that training never saw."""

from pathlib import Path
from typing import Any

import pytest

from davss_ros.core.config import SegmenterConfig
from davss_ros.evaluate.measure import evaluate


@pytest.fixture(scope='module')
def results(camvid_video: Path) -> Any:
    return evaluate(camvid_video, SegmenterConfig(device='cpu'), [5, 9], ['flow', 'davss']).results['modes']


def test_the_key_network_reaches_its_mark(results: Any) -> None:
    assert results['per_frame']['miou']['mean'] >= 75


@pytest.mark.parametrize(('distance', 'most'), [('5', 0.8), ('9', 1.5)])
def test_little_is_lost_to_the_key_network_on_every_frame(results: Any, distance: str, most: float) -> None:
    assert results['per_frame']['miou']['mean'] - results['davss']['miou'][distance] <= most


def test_correction_is_better_than_propagation_alone(results: Any) -> None:
    assert results['davss']['miou']['5'] >= results['flow']['miou']['5'] + 3
    assert results['davss']['miou']['9'] >= results['flow']['miou']['9'] + 6
