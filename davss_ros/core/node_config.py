# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The node's own settings: one frozen dataclass, one to one with parameters, beside `SegmenterConfig`."""

from dataclasses import dataclass, field, fields
from typing import Any

from davss_ros.core import frames
from davss_ros.core.config import check_setting
from davss_ros.errors import ConfigError
from davss_ros.images.bit_depth import AUTO, LARGEST, SMALLEST


def _setting(default: Any, description: str, **limits: Any) -> Any:
    return field(default=default, metadata={'description': description, **limits})


@dataclass(frozen=True, kw_only=True)
class NodeConfig:
    """Settings of the node alone; metadata as in `SegmenterConfig`.

    Raises:
        ConfigError: a value is out of range, or a warning's threshold lies beyond its error's.
    """

    autostart: bool = _setting(True, 'Configure and activate at start; false leaves both to a lifecycle manager.')
    batching: str = _setting(
        'auto',
        'Frames of several cameras that wait together: always one batch, never, or auto (CUDA: if a trial when the '
        'node is configured was faster; CPU: never).',
        choices=('auto', 'always', 'never'),
    )
    workers: int = _setting(
        0,
        'Threads that serve the cameras, each with its share of these, of the cores, and a model of its own; 0: on a '
        'CPU as many as share cameras and cores evenly, unless batching is always; on CUDA one.',
        minimum=0,
        maximum=1000,
    )
    image_transport: str = _setting(
        'raw',
        'raw: sensor_msgs/Image on image; compressed: CompressedImage on image/compressed.',
        choices=('raw', 'compressed'),
        per_camera=True,
    )
    reliability: str = _setting(
        'auto',
        'Reliability of the image subscription; auto is reliable where every publisher offers it. '
        'qos_overrides.<topic>.subscription.reliability goes before it.',
        choices=('auto', 'reliable', 'best_effort'),
        per_camera=True,
    )
    bit_depth: int | str = _setting(
        AUTO,
        'Bits of 16-bit images; auto: by the largest value so far. 16UC1 is taken for depth unless they are set.',
        choices=(AUTO, *range(SMALLEST, LARGEST + 1)),
        types=(str, int),
        per_camera=True,
    )
    image_size: str = _setting(
        '640x480',
        'Size of the images to come, WIDTHxHEIGHT in px: networks are compiled for it when the node is configured. '
        'The first image of another shape waits for that, seconds to a minute.',
        per_camera=True,
    )
    policy: str = _setting(
        'drop_old',
        'drop_old: the newest frame wins (cameras); every_frame: queue up to queue_length (bags).',
        choices=('drop_old', 'every_frame'),
        per_camera=True,
        changeable=True,
    )
    queue_length: int = _setting(
        100, 'Frames that wait under every_frame.', minimum=1, maximum=10000, per_camera=True, changeable=True
    )
    label_groups: bool = _setting(
        False, 'Publish the groups that the class list names, and the classes of none, in place of all classes.'
    )
    overlay_opacity: float = _setting(
        0.5, 'Opacity of the label colours in ~/overlay.', minimum=0.0, maximum=1.0, changeable=True
    )
    warn_latency: float = _setting(
        0.0, 'Diagnostics: WARN above this p95 latency, ms; 0: never.', minimum=0.0, maximum=1e6, changeable=True
    )
    error_latency: float = _setting(
        0.0, 'Diagnostics: ERROR above this p95 latency, ms; 0: never.', minimum=0.0, maximum=1e6, changeable=True
    )
    warn_loss: float = _setting(
        0.0,
        'Diagnostics: WARN above this share of frames dropped, refused, failed or lost since the last report.',
        minimum=0.0,
        maximum=1.0,
        changeable=True,
    )
    error_loss: float = _setting(
        1.0, 'Diagnostics: ERROR above this share of such frames.', minimum=0.0, maximum=1.0, changeable=True
    )
    warn_silence: float = _setting(
        2.0,
        'Diagnostics: WARN after this long without a frame, s; 0: never.',
        minimum=0.0,
        maximum=1e6,
        changeable=True,
    )
    error_failures: int = _setting(
        3, 'Diagnostics: ERROR after so many failed frames in a row.', minimum=1, maximum=1000, changeable=True
    )

    def image_shape(self) -> tuple[int, int]:
        """Return ``image_size`` as (height, width) in px; `ConfigError` if it is no size."""
        width, _, height = self.image_size.partition('x')
        sides = tuple(int(side) if side.isdecimal() and side.isascii() else 0 for side in (height, width))
        if not all(frames.SMALLEST <= side <= frames.LARGEST for side in sides):
            limits = f'{frames.SMALLEST} to {frames.LARGEST} px each'
            raise ConfigError(f'image_size: expected WIDTHxHEIGHT, {limits}, found {self.image_size!r}')
        return sides[0], sides[1]

    def __post_init__(self) -> None:
        for setting in fields(self):
            check_setting(setting.name, getattr(self, setting.name), type(self))
        self.image_shape()
        if self.error_latency and self.warn_latency > self.error_latency:
            raise ConfigError(
                f'warn_latency: expected at most error_latency ({self.error_latency:g}), found {self.warn_latency:g}'
            )
        if self.warn_loss > self.error_loss:
            raise ConfigError(f'warn_loss: expected at most error_loss ({self.error_loss:g}), found {self.warn_loss:g}')
