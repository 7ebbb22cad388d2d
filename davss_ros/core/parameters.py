# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The node's parameters by name, and what a set of their values means; without ROS.

``cameras: [front, left]`` names cameras; ``front.key_interval`` is then a parameter too, and as long as it is not set
the node's own ``key_interval`` holds for that camera.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from davss_ros.core.config import SegmenterConfig, check_setting
from davss_ros.core.node_config import NodeConfig
from davss_ros.errors import ConfigError

CONFIGS = (SegmenterConfig, NodeConfig)
KNOWN = {setting.name: setting for config in CONFIGS for setting in fields(config)}
CHANGEABLE = tuple(name for name, setting in KNOWN.items() if setting.metadata.get('changeable'))
PER_CAMERA = tuple(name for name, setting in KNOWN.items() if setting.metadata.get('per_camera'))


@dataclass(frozen=True)
class CameraConfig:
    """What holds for one camera."""

    segmenter: SegmenterConfig
    node: NodeConfig


@dataclass(frozen=True)
class Settings:
    """All parameters' values.

    Attributes:
        segmenter: for the model.
        node: for the node.
        cameras: by name; the only camera of a node without ``cameras`` is called ''.
    """

    segmenter: SegmenterConfig
    node: NodeConfig
    cameras: dict[str, CameraConfig]


def checked_cameras(names: Any) -> tuple[str, ...]:
    """Return the ``names``, a sequence of texts, that are not empty; ('',) if there are none.

    Raises:
        ConfigError: something is no name, or there twice.
    """
    if not isinstance(names, Sequence) or isinstance(names, str | bytes) or not all(type(n) is str for n in names):
        hint = ''
        if isinstance(names, Sequence) and any(isinstance(name, bool) for name in names):
            hint = """; YAML takes y, n, yes, no, on and off for truth values: quote them, cameras:='["y", "on"]'"""
        raise ConfigError(f'cameras: expected a list of names, found {_listed(names)}{hint}')
    found = tuple(name for name in names if name)
    for name in found:
        if not re.fullmatch('[A-Za-z][A-Za-z0-9_]*', name) or found.count(name) > 1:
            raise ConfigError(f'cameras: expected different names of letters, digits and _, found {name!r}')
    return found or ('',)


def settings_of(values: Mapping[str, Any]) -> Settings:
    """Return what ``values``, by full name, amount to; those that are missing or None have their default.

    Raises:
        ConfigError: one is out of range, or two do not go together.
    """
    plain = {name: values[name] for name in KNOWN if values.get(name) is not None}
    segmenter, node = _changed(SegmenterConfig(), plain), _changed(NodeConfig(), plain)
    cameras = {}
    for camera in checked_cameras(values.get('cameras') or ('',)):
        own = {name: values.get(f'{camera}.{name}') for name in PER_CAMERA}
        own = {name: value for name, value in own.items() if value is not None}
        try:
            cameras[camera] = CameraConfig(_changed(segmenter, own), _changed(node, own))
        except ConfigError as error:
            raise ConfigError(f'{camera}.{error}') from None
    return Settings(segmenter, node, cameras)


def _listed(names: Any) -> str:
    return str(list(names)) if isinstance(names, Sequence) and not isinstance(names, str) else repr(names)


def check(name: str, value: Any) -> None:
    """Raise `ConfigError` unless that parameter, the node's or a camera's, may have that value."""
    plain = plain_name(name)
    if plain and value is not None:
        config = NodeConfig if plain in {setting.name for setting in fields(NodeConfig)} else SegmenterConfig
        check_setting(plain, value, config)


def is_fixed(name: str) -> bool:
    """Return whether a parameter is read only when the node is configured: most of ours, and qualities of service."""
    plain = plain_name(name)
    return name.startswith('qos_overrides.') if not plain else plain not in CHANGEABLE


def plain_name(name: str) -> str:
    """Return a parameter's name without a camera's; empty if it is none of ours (``qos_overrides`` and the like)."""
    if name in KNOWN:
        return name
    camera, _, plain = name.partition('.')
    return plain if camera and plain in PER_CAMERA else ''


def _changed(config: Any, values: Mapping[str, Any]) -> Any:
    own = {setting.name for setting in fields(config)}
    return replace(config, **{name: value for name, value in values.items() if name in own})
