"""The node's parameters: every setting of the segmenter, and those of the node itself.

One table makes the declarations, the checks, and the README's and the YAML file's lists.
"""

from dataclasses import dataclass, field, fields
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from davss_ros.core.config import SegmenterConfig, check_setting

CHANGEABLE = ('key_interval', 'overlay_opacity')


@dataclass(frozen=True, kw_only=True)
class NodeConfig:
    """Settings of the node alone; metadata as in `SegmenterConfig`."""

    image_transport: str = field(
        default='raw',
        metadata={
            'description': 'raw: sensor_msgs/Image on image; compressed: CompressedImage on image/compressed.',
            'choices': ('raw', 'compressed'),
        },
    )
    reliability: str = field(
        default='auto',
        metadata={
            'description': 'Of the image subscription; auto is reliable where every publisher offers it.',
            'choices': ('auto', 'reliable', 'best_effort'),
        },
    )
    policy: str = field(
        default='drop_old',
        metadata={
            'description': 'drop_old: the newest frame wins (cameras); every_frame: queue up to queue_length (bags).',
            'choices': ('drop_old', 'every_frame'),
        },
    )
    queue_length: int = field(
        default=100, metadata={'description': 'Frames that wait under every_frame.', 'minimum': 1, 'maximum': 10000}
    )
    overlay_opacity: float = field(
        default=0.5,
        metadata={'description': 'Of the label colours in ~/overlay.', 'minimum': 0.0, 'maximum': 1.0},
    )

    def __post_init__(self) -> None:
        for one in fields(self):
            check_setting(one.name, getattr(self, one.name), type(self))


def declare(node: Node) -> None:
    """Declare every parameter with description, range and read-only flag."""
    for config in (SegmenterConfig, NodeConfig):
        for one in fields(config):
            node.declare_parameter(one.name, one.default, _descriptor(one.name, one.default, one.metadata))


def read(node: Node) -> tuple[SegmenterConfig, NodeConfig]:
    """Return the parameters' values; `ConfigError` if one is out of range."""
    segmenter, own = (
        {one.name: node.get_parameter(one.name).value for one in fields(config)}
        for config in (SegmenterConfig, NodeConfig)
    )
    return SegmenterConfig(**segmenter), NodeConfig(**own)


def check(name: str, value: Any) -> None:
    """Raise `ConfigError` unless the parameter exists and may have that value."""
    config = NodeConfig if name in {one.name for one in fields(NodeConfig)} else SegmenterConfig
    check_setting(name, value, config)


def _descriptor(name: str, default: Any, metadata: Any) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(name=name, description=metadata['description'], read_only=name not in CHANGEABLE)
    if 'choices' in metadata:
        descriptor.additional_constraints = 'one of: ' + ', '.join(filter(None, metadata['choices']))
    if isinstance(default, int) and 'minimum' in metadata:
        limits = IntegerRange(from_value=metadata['minimum'], to_value=metadata['maximum'], step=1)
        descriptor.integer_range = [limits]
    elif 'minimum' in metadata:
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=metadata['minimum'], to_value=metadata['maximum'], step=0.0)
        ]
    return descriptor
