# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import FrozenInstanceError, fields

import pytest

from davss_ros.core.config import SegmenterConfig
from davss_ros.errors import ConfigError


@pytest.mark.parametrize(
    ('setting', 'value', 'complaint'),
    [
        ('key_interval', 0, 'key_interval: expected 1 to 1000, found 0'),
        ('key_interval', 2.0, 'key_interval: expected int'),
        ('key_interval', True, 'key_interval: expected int'),
        ('precision', 'float8', 'precision: expected one of auto, float32'),
        ('propagation', 'sideways', 'propagation: expected one of step, composed'),
        ('mode', '', 'mode: expected one of davss'),
        ('working_height', -1, 'working_height: expected 0 to'),
        ('weights', None, 'weights: expected str, found None'),
        ('align_corners', 1, 'align_corners: expected bool'),
    ],
)
def test_a_wrong_value_is_refused_by_name(setting: str, value: object, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        SegmenterConfig(**{setting: value})  # type: ignore[arg-type]  # wrong on purpose


def test_settings_are_frozen_and_described() -> None:
    config = SegmenterConfig()
    with pytest.raises(FrozenInstanceError):
        config.key_interval = 3  # type: ignore[misc]  # wrong on purpose
    assert all(setting.metadata['description'].endswith('.') for setting in fields(SegmenterConfig))
