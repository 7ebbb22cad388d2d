# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The names of the class ids, on latched topics."""

import json
from collections.abc import Sequence

from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import String

from davss_ros.core.classes import SemanticClass
from davss_ros.ros.qos import LATCHED


class LabelNames:
    """``~/label_names`` (JSON in a String) and, where vision_msgs is installed, ``~/label_info`` (LabelInfo).

    Both hold the same: ``class_map``, a list of ``class_id`` and ``class_name``, and ``threshold``, the least score of
    a label that counts, 0 since every pixel gets the best one. The JSON tells each class's ``color`` besides.

    Args:
        node: publishes, at once.
        classes: in the order of their ids.
    """

    def __init__(self, node: Node, classes: Sequence[SemanticClass]) -> None:
        self._node = node
        self._publishers: list[Publisher] = [node.create_publisher(String, '~/label_names', LATCHED)]
        class_map = [{'class_id': i, 'class_name': c.name, 'color': list(c.color)} for i, c in enumerate(classes)]
        self._publishers[0].publish(String(data=json.dumps({'class_map': class_map, 'threshold': 0.0})))
        try:
            from vision_msgs.msg import LabelInfo, VisionClass
        except ImportError:
            return
        self._publishers.append(node.create_publisher(LabelInfo, '~/label_info', LATCHED))
        message = LabelInfo(threshold=0.0)
        message.header.stamp = node.get_clock().now().to_msg()
        message.class_map = [VisionClass(class_id=i, class_name=c.name) for i, c in enumerate(classes)]
        self._publishers[1].publish(message)

    def destroy(self) -> None:
        """Take the topics down."""
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)
