# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import fields
from typing import Any

import pytest

from davss_ros.core.node_config import NodeConfig
from davss_ros.errors import ConfigError


@pytest.mark.parametrize(
    ('name', 'value', 'complaint'),
    [
        ('policy', 'newest', "policy: expected one of drop_old, every_frame, found 'newest'"),
        ('image_transport', 'theora', 'image_transport: expected one of raw, compressed'),
        ('reliability', '', 'reliability: expected one of auto, reliable, best_effort'),
        ('batching', 'yes', 'batching: expected one of auto, always, never'),
        ('queue_length', 0, 'queue_length: expected 1 to 10000, found 0'),
        ('queue_length', 2.0, 'queue_length: expected int, found 2.0'),
        ('overlay_opacity', 1.01, 'overlay_opacity: expected 0.0 to 1.0'),
        ('overlay_opacity', float('nan'), 'overlay_opacity: expected 0.0 to 1.0, found nan'),
        ('warn_silence', -1.0, 'warn_silence: expected 0.0'),
        ('error_failures', 0, 'error_failures: expected 1'),
        ('bit_depth', 7, 'bit_depth: expected one of auto, 8, 9, 10,'),
        ('bit_depth', '12', 'bit_depth: expected one of auto, 8, 9, 10,'),
        ('bit_depth', True, 'bit_depth: expected str'),
        ('autostart', 1, 'autostart: expected bool, found 1'),
    ],
)
def test_a_value_out_of_range_is_named_with_what_was_expected(name: str, value: Any, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        NodeConfig(**{name: value})
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ('values', 'complaint'),
    [
        ({'warn_latency': 200.0, 'error_latency': 100.0}, r'warn_latency: expected at most error_latency \(100\)'),
        ({'warn_loss': 0.5, 'error_loss': 0.4}, r'warn_loss: expected at most error_loss \(0.4\), found 0.5'),
    ],
)
def test_a_warning_comes_before_its_error(values: dict[str, float], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        NodeConfig(**values)  # type: ignore[arg-type]  # thresholds only


def test_zero_means_no_threshold_so_it_goes_with_any() -> None:
    assert NodeConfig(warn_latency=100.0, error_latency=0.0).warn_latency == 100
    assert NodeConfig(warn_latency=0.0, error_latency=100.0).error_latency == 100
    assert NodeConfig(warn_latency=100.0, error_latency=100.0)
    assert NodeConfig(warn_loss=0.3, error_loss=0.3)


def test_every_setting_is_described_and_its_default_allowed() -> None:
    for setting in fields(NodeConfig()):
        assert setting.metadata['description'].endswith('.'), setting.name
    changeable = {setting.name for setting in fields(NodeConfig) if setting.metadata.get('changeable')}
    assert {'policy', 'queue_length', 'overlay_opacity', 'warn_latency', 'error_loss', 'error_failures'} <= changeable
    assert not changeable & {'autostart', 'batching', 'image_transport', 'reliability'}


def test_the_size_of_images_is_read() -> None:
    assert NodeConfig().image_shape() == (480, 640)
    assert NodeConfig(image_size='1920x1080').image_shape() == (1080, 1920)


@pytest.mark.parametrize(
    'text', ['', '640', '640x', 'x480', '640x480x3', '-640x480', '8x480', '640x9000', '64\u0660x480']
)
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r'image_size: expected WIDTHxHEIGHT, 16 to 8192 px each, found'):
        NodeConfig(image_size=text)
