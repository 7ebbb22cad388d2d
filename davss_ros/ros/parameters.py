# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The parameters of `davss_ros.core.parameters` as rclpy has them: declared with description and range, and read."""

from collections.abc import Mapping
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from davss_ros.core.parameters import KNOWN, PER_CAMERA, Settings, checked_cameras, settings_of


def declare(node: Node) -> None:
    """Declare every parameter with description and range, those of single cameras without a value.

    Raises:
        ConfigError: ``cameras`` holds something that is no name, or one twice.
    """
    text = 'Names of the cameras; each has topics and parameters under its name. None, or [""]: one without a name.'
    # typed dynamically, since an empty list and a list of names that YAML takes for truth values have other types
    descriptor = ParameterDescriptor(name='cameras', description=text, read_only=True, dynamic_typing=True)
    node.declare_parameter('cameras', [''], descriptor)
    for name, setting in KNOWN.items():
        node.declare_parameter(name, setting.default, _descriptor(name))
    for camera in camera_names(node):
        for name in PER_CAMERA if camera else ():
            full = f'{camera}.{name}'
            descriptor = _descriptor(name, full)
            descriptor.dynamic_typing = True  # it may have no value; `check` looks at its type
            node.declare_parameter(full, None, descriptor)


def camera_names(node: Node) -> tuple[str, ...]:
    """Return the names in ``cameras``; ('',) if there are none."""
    value = node.get_parameter('cameras').value
    return checked_cameras([] if value is None or len(value) == 0 else value)


def read(node: Node, changed: Mapping[str, Any] | None = None) -> Settings:
    """Return the parameters' values, or what they would be with those ``changed``.

    Raises:
        ConfigError: one is out of range, or two do not go together.
    """
    names = [*KNOWN, *(f'{camera}.{name}' for camera in camera_names(node) if camera for name in PER_CAMERA)]
    values = {name: node.get_parameter_or(name, Parameter(name)).value for name in names}
    return settings_of({**values, **(changed or {}), 'cameras': camera_names(node)})


def _descriptor(name: str, full: str = '') -> ParameterDescriptor:
    setting = KNOWN[name]
    text = setting.metadata['description']
    text += '' if setting.metadata.get('changeable') else ' Read when the node is configured.'
    descriptor = ParameterDescriptor(name=full or name, description=text, dynamic_typing='types' in setting.metadata)
    if 'choices' in setting.metadata:
        descriptor.additional_constraints = 'one of: ' + ', '.join(map(str, filter(None, setting.metadata['choices'])))
    if 'minimum' not in setting.metadata:
        return descriptor
    low, high = setting.metadata['minimum'], setting.metadata['maximum']
    if isinstance(setting.default, int):
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
    else:
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high, step=0.0)]
    return descriptor
