# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Start, parameters and end of the node."""

import json
import signal
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.exceptions import ParameterException
from sensor_msgs.msg import Image

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.node_config import NodeConfig
from davss_ros.core.parameters import CHANGEABLE
from davss_ros.ros.node import DavssNode

ROOT = Path(__file__).parent.parent.parent


def test_a_signal_ends_the_node_with_status_zero(processes: Any) -> None:
    signals = (signal.SIGINT, signal.SIGTERM)
    nodes = [processes.starting() for _ in signals]
    for node, how in zip(nodes, signals, strict=True):
        node.wait_for('active: ')
        node.process.send_signal(how)
        time.sleep(0.3)  # under ros2 launch Ctrl-C comes twice: from the terminal and from launch
        assert node.stop(how) == 0
        assert 'Traceback' not in node.said()


def test_a_parameter_of_the_wrong_type_or_range_ends_the_start_with_one_clear_line(processes: Any) -> None:
    wrong = {
        'key_interval:=0': 'key_interval',
        'key_interval:=often': 'key_interval',
        'overlay_opacity:=1.5': 'overlay_opacity',
        'cameras:=[front, "left one"]': "cameras: expected different names of letters, digits and _, found 'left one'",
    }
    nodes = [processes.starting(parameter) for parameter in wrong]
    for node, complaint in zip(nodes, wrong.values(), strict=True):
        assert node.process.wait(timeout=120) == 1
        assert complaint in node.said()
        assert 'Traceback' not in node.said()
        assert len(node.said().strip().splitlines()) == 1


def test_a_node_that_cannot_be_made_is_not_left_behind(client: Any) -> None:
    context = rclpy.Context()
    context.init()
    try:
        with pytest.raises(ParameterException) as caught:
            DavssNode(context=context, parameter_overrides=[rclpy.parameter.Parameter('overlay_opacity', value=1.5)])
        other = rclpy.create_node('other', context=context)
        client.run_until(lambda: 'other' in client.node.get_node_names())
        assert 'other' in client.node.get_node_names()
        assert 'davss' not in client.node.get_node_names()
        assert caught.value is not None  # with it lives all that it knows of
        other.destroy_node()
    finally:
        context.try_shutdown()


def test_parameters_are_described_and_checked(running: Any, tiny_model: Any, client: Any) -> None:
    running(tiny_model)
    expected = {field.name: field for config in (SegmenterConfig, NodeConfig) for field in fields(config)}
    request = DescribeParameters.Request(names=list(expected))
    described = client.call(DescribeParameters, '/davss/describe_parameters', request)
    assert [descriptor.name for descriptor in described.descriptors] == list(expected)
    for descriptor in described.descriptors:
        assert descriptor.description
        assert ('Read when the node is configured' in descriptor.description) == (descriptor.name not in CHANGEABLE)
        if 'minimum' in expected[descriptor.name].metadata:
            limits = (descriptor.integer_range or descriptor.floating_point_range)[0]
            assert limits.from_value == expected[descriptor.name].metadata['minimum']
            assert limits.to_value == expected[descriptor.name].metadata['maximum']

    def set_integer(name: str, value: int) -> Any:
        setting = ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=value)
        request = SetParameters.Request(parameters=[Parameter(name=name, value=setting)])
        return client.call(SetParameters, '/davss/set_parameters', request).results[0]

    assert set_integer('key_interval', 9).successful
    assert not set_integer('key_interval', 0).successful
    refused = set_integer('working_height', 240)
    assert not refused.successful and 'read when the node is configured' in refused.reason
    assert not set_integer('overlay_opacity', 1).successful  # of another type


def test_the_key_interval_takes_effect_and_diagnostics_add_up(
    running: Any, tiny_model: Any, client: Any, processes: Any
) -> None:
    running(tiny_model, key_interval=2, policy='every_frame')
    report: dict[str, str] = {}

    def note(message: DiagnosticArray) -> None:
        report.update({pair.key: pair.value for status in message.status for pair in status.values})

    client.node.create_subscription(DiagnosticArray, '/diagnostics', note, 10)
    client.node.create_subscription(Image, '/davss/label', lambda message: None, 10)
    client.connect('/davss/label')
    camera = processes.peer('publish', '--count', '12', '--rate', '8', '--spoil', '6')
    client.run_until(lambda: report.get('received') == '12' and report['waiting'] == '0', 60)
    assert (report['received'], report['published'], report['key frames']) == ('12', '10', '5'), report
    assert json.loads(report['not published']) == {'refused': 2}
    assert camera.process.wait(timeout=60) == 0


def test_the_parameter_file_lists_every_parameter_with_its_default() -> None:
    listed = yaml.safe_load((ROOT / 'config' / 'davss.yaml').read_text())['/**']['ros__parameters']
    defaults = {field.name: field.default for config in (SegmenterConfig, NodeConfig) for field in fields(config)}
    assert listed == {'cameras': [''], **defaults}
    text = (ROOT / 'config' / 'davss.yaml').read_text()
    assert all('#' in line for line in text.splitlines() if ':' in line and line.startswith('    '))
