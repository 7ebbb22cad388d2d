# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Distortion-aware video semantic segmentation as a ROS 2 node; `davss_ros.VideoSegmenter` is the library's centre."""

from importlib import import_module

import davss_ros.engines.openmp  # before torch
import davss_ros.engines.telemetry  # noqa: F401  # before openvino

TYPE_CHECKING = False  # typing itself takes a while to import, in which signals are not heard yet
if TYPE_CHECKING:
    from typing import Any

    from davss_ros.core.config import SegmenterConfig
    from davss_ros.core.result import FrameResult
    from davss_ros.core.segmenter import VideoSegmenter

__all__ = ['FrameResult', 'SegmenterConfig', 'VideoSegmenter']

_HOMES = {'FrameResult': 'core.result', 'SegmenterConfig': 'core.config', 'VideoSegmenter': 'core.segmenter'}


def __getattr__(name: str) -> 'Any':
    """Import what is asked for, and torch with it, only then: a process is to answer signals before that is through."""
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'{__name__}.{_HOMES[name]}'), name)
