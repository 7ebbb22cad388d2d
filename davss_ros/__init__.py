"""Distortion-aware video semantic segmentation as a ROS 2 node; `davss_ros.VideoSegmenter` is the library's centre."""

import davss_ros.engines.openmp  # noqa: F401  # before torch
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.result import FrameResult
from davss_ros.core.segmenter import VideoSegmenter

__all__ = ['FrameResult', 'SegmenterConfig', 'VideoSegmenter']
