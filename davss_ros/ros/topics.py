# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The node's topics as one table, without ROS: docs/topics.md is made from it, and tests hold the node to it."""

from typing import NamedTuple


class Topic(NamedTuple):
    """A topic below ``~/``, or below ``~/<camera>/`` if there are several cameras.

    Attributes:
        name: without the prefix.
        type: as ``ros2 topic info`` names it.
        content: encoding and range, as far as it has one.
        meaning: of the message.
    """

    name: str
    type: str
    content: str
    meaning: str


IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'

INPUTS = (
    Topic('image', IMAGE, 'see below', 'the camera, under `image_transport: raw`'),
    Topic('image/compressed', COMPRESSED, 'jpeg, png, webp, tiff', 'the camera, under `image_transport: compressed`'),
    Topic(
        'camera_info',
        'sensor_msgs/msg/CameraInfo',
        '',
        'its calibration, if there is one: beside the image topic, unless remapped itself; latched or not',
    ),
)
CAMERA_OUTPUTS = (
    Topic('label', IMAGE, 'mono8', 'class id per pixel'),
    Topic('label/compressed', COMPRESSED, 'png', 'the same, lossless'),
    Topic('distortion', IMAGE, '32FC1, 0 to 1', 'where propagation was not trusted; 0 on key frames'),
    Topic('label_color', IMAGE, 'rgb8', 'the label in the colours of its classes'),
    Topic('overlay', IMAGE, 'rgb8', 'these colours over the camera image'),
    Topic('confidence', IMAGE, 'mono8, 0 to 255', 'how sure the label is: probability that it is right, times 255'),
    Topic('distortion_color', IMAGE, 'rgb8', 'heat map of the distortion over the fixed range 0 to 1'),
    Topic(
        'camera_info',
        'sensor_msgs/msg/CameraInfo',
        '',
        "the calibration of that stamp, under the label's header, for its size",
    ),
)
NODE_OUTPUTS = (
    Topic('label_names', 'std_msgs/msg/String', 'JSON, latched', 'names and colours of the class ids'),
    Topic('label_info', 'vision_msgs/msg/LabelInfo', 'latched', 'the same, where vision_msgs is installed'),
    Topic('/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray', '1 Hz', 'state of the node and of each camera'),
)
