"""The node's parameters: every setting of the segmenter and of the node, and those of single cameras.

``cameras: [front, left]`` names cameras; ``front.key_interval`` is then a parameter too, and as long as it is not set
the node's own ``key_interval`` holds for that camera. The dataclasses' metadata make declarations and checks.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from davss_ros.core.config import SegmenterConfig, check_setting
from davss_ros.errors import ConfigError
from davss_ros.ros.config import NodeConfig

CONFIGS = (SegmenterConfig, NodeConfig)
KNOWN = {one.name: one for config in CONFIGS for one in fields(config)}
CHANGEABLE = tuple(name for name, one in KNOWN.items() if one.metadata.get('changeable'))
PER_CAMERA = tuple(name for name, one in KNOWN.items() if one.metadata.get('per_camera'))
TYPES = {
    bool: Parameter.Type.BOOL,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    str: Parameter.Type.STRING,
}


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


def declare(node: Node) -> None:
    """Declare every parameter with description and range, those of single cameras without a value.

    Raises:
        ConfigError: ``cameras`` holds something that is no name, or one twice.
    """
    text = 'Names of the cameras; each has topics and parameters under its name. None, or [""]: one without a name.'
    node.declare_parameter('cameras', [''], ParameterDescriptor(description=text, read_only=True))
    for name, one in KNOWN.items():
        node.declare_parameter(name, one.default, _descriptor(name))
    for camera in camera_names(node):
        for name in PER_CAMERA if camera else ():
            full = f'{camera}.{name}'
            node.declare_parameter(full, TYPES[type(KNOWN[name].default)], _descriptor(name, full))


def camera_names(node: Node) -> tuple[str, ...]:
    """Return the names in ``cameras``; ('',) if there are none."""
    names = tuple(name for name in node.get_parameter('cameras').value if name)
    for name in names:
        if not re.fullmatch('[A-Za-z][A-Za-z0-9_]*', name) or names.count(name) > 1:
            raise ConfigError(f'cameras: expected different names of letters, digits and _, found {name!r}')
    return names or ('',)


def read(node: Node, changed: Mapping[str, Any] | None = None) -> Settings:
    """Return the parameters' values, or what they would be with those ``changed``.

    Raises:
        ConfigError: one is out of range, or two do not go together.
    """

    def value(name: str, otherwise: Any = None) -> Any:
        if changed and name in changed:
            return changed[name]
        return node.get_parameter_or(name, Parameter(name, value=otherwise)).value

    segmenter = SegmenterConfig(**{one.name: value(one.name) for one in fields(SegmenterConfig)})
    own = NodeConfig(**{one.name: value(one.name) for one in fields(NodeConfig)})
    cameras = {}
    for camera in camera_names(node):
        given = {name: value(f'{camera}.{name}') for name in PER_CAMERA}
        given = {name: one for name, one in given.items() if one is not None}
        try:
            cameras[camera] = CameraConfig(_changed(segmenter, given), _changed(own, given))
        except ConfigError as error:
            raise ConfigError(f'{camera}.{error}') from None
    return Settings(segmenter, own, cameras)


def check(name: str, value: Any) -> None:
    """Raise `ConfigError` unless that parameter, the node's or a camera's, may have that value."""
    plain = _plain(name)
    if plain and value is not None:
        config = NodeConfig if plain in {one.name for one in fields(NodeConfig)} else SegmenterConfig
        check_setting(plain, value, config)


def is_fixed(name: str) -> bool:
    """Return whether a parameter is read only when the node is configured: most of ours, and qualities of service."""
    plain = _plain(name)
    return name.startswith('qos_overrides.') if not plain else plain not in CHANGEABLE


def _plain(name: str) -> str:
    """Return a parameter's name without a camera's; empty if it is none of ours (``qos_overrides`` and the like)."""
    if name in KNOWN:
        return name
    camera, _, plain = name.partition('.')
    return plain if camera and plain in PER_CAMERA else ''


def _changed(config: Any, given: dict[str, Any]) -> Any:
    own = {one.name for one in fields(config)}
    return replace(config, **{name: value for name, value in given.items() if name in own})


def _descriptor(name: str, full: str = '') -> ParameterDescriptor:
    one = KNOWN[name]
    text = one.metadata['description']
    text += '' if one.metadata.get('changeable') else ' Read when the node is configured.'
    descriptor = ParameterDescriptor(name=full or name, description=text)
    if 'choices' in one.metadata:
        descriptor.additional_constraints = 'one of: ' + ', '.join(filter(None, one.metadata['choices']))
    if 'minimum' not in one.metadata:
        return descriptor
    low, high = one.metadata['minimum'], one.metadata['maximum']
    if isinstance(one.default, int):
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
    else:
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high, step=0.0)]
    return descriptor
