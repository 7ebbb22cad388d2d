# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Names of the classes on latched topics; vision_msgs by a stand-in, since it is not everywhere."""

import json
import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from builtin_interfaces.msg import Time
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from davss_ros.core.classes import SemanticClass, load_classes
from davss_ros.ros.label_names import LabelNames

CLASSES = (SemanticClass('Sky', (128, 128, 128)), SemanticClass('Road "wet"', (1, 2, 3)))


class Node:
    """Remembers what was published, by topic."""

    def __init__(self) -> None:
        self.sent: dict[str, list[Any]] = {}
        self.profiles: dict[str, Any] = {}
        self.types: dict[str, Any] = {}

    def create_publisher(self, kind: Any, topic: str, profile: Any) -> Any:
        self.sent[topic], self.types[topic], self.profiles[topic] = [], kind, profile
        return SimpleNamespace(publish=self.sent[topic].append, topic=topic)

    def destroy_publisher(self, publisher: Any) -> None:
        del self.sent[publisher.topic]

    def get_clock(self) -> Any:
        return SimpleNamespace(now=lambda: SimpleNamespace(to_msg=lambda: Time(sec=7)))


@dataclass
class VisionClass:
    """As in vision_msgs 4."""

    class_id: int = 0
    class_name: str = ''


@dataclass
class LabelInfo:
    """As in vision_msgs 4."""

    header: Any = field(default_factory=SimpleNamespace)
    class_map: list[VisionClass] = field(default_factory=list)
    threshold: float = 0.5


@pytest.fixture
def vision_msgs(monkeypatch: pytest.MonkeyPatch) -> None:
    package, messages = ModuleType('vision_msgs'), ModuleType('vision_msgs.msg')
    messages.LabelInfo, messages.VisionClass = LabelInfo, VisionClass  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, 'vision_msgs', package)
    monkeypatch.setitem(sys.modules, 'vision_msgs.msg', messages)


@pytest.fixture
def no_vision_msgs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('vision_msgs', 'vision_msgs.msg'):
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails


@pytest.mark.usefixtures('no_vision_msgs')
def test_the_json_tells_id_name_and_colour_without_vision_msgs() -> None:
    node = Node()
    LabelNames(node, CLASSES)
    assert list(node.sent) == ['~/label_names']
    (message,) = node.sent['~/label_names']
    assert json.loads(message.data) == {
        'class_map': [
            {'class_id': 0, 'class_name': 'Sky', 'color': [128, 128, 128]},
            {'class_id': 1, 'class_name': 'Road "wet"', 'color': [1, 2, 3]},
        ],
        'threshold': 0.0,
    }


@pytest.mark.usefixtures('vision_msgs')
def test_label_info_and_json_say_the_same() -> None:
    node = Node()
    LabelNames(node, load_classes('cityscapes19'))
    (info,), (text,) = node.sent['~/label_info'], node.sent['~/label_names']
    status = json.loads(text.data)
    assert [(c['class_id'], c['class_name']) for c in status['class_map']] == [
        (c.class_id, c.class_name) for c in info.class_map
    ]
    assert len(info.class_map) == 19 and info.class_map[13].class_name.lower() == 'car'
    assert (info.threshold, info.header.stamp.sec) == (status['threshold'], 7) == (0.0, 7)
    assert node.types['~/label_info'] is LabelInfo


@pytest.mark.usefixtures('vision_msgs')
def test_both_are_latched_and_go_when_told() -> None:
    node = Node()
    names = LabelNames(node, CLASSES)
    for topic in ('~/label_info', '~/label_names'):
        profile = node.profiles[topic]
        assert profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
        assert (profile.reliability, profile.depth) == (ReliabilityPolicy.RELIABLE, 1)
    names.destroy()
    assert not node.sent


def test_the_real_label_info_takes_it_where_it_is_installed() -> None:
    messages = pytest.importorskip('vision_msgs.msg')
    node = Node()
    LabelNames(node, CLASSES)
    assert [c.class_name for c in node.sent['~/label_info'][0].class_map] == ['Sky', 'Road "wet"']
    assert node.types['~/label_info'] is messages.LabelInfo
