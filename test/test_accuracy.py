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
    assert results['per_frame']['miou']['mean'] >= 69


@pytest.mark.parametrize('distance', ['5', '9'])
def test_correction_is_better_than_propagation_alone(results: Any, distance: str) -> None:
    assert results['davss']['miou'][distance] > results['flow']['miou'][distance]
