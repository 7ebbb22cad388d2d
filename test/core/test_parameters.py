# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from typing import Any

import pytest
import yaml

from davss_ros.core import parameters
from davss_ros.core.parameter_file import read_parameter_file
from davss_ros.errors import ConfigError

ROOT = Path(__file__).parent.parent.parent
CAMERAS = """
/**:
  ros__parameters:
    key_interval: 7
    cameras: [front, left]
    longest_gap: 0.5
other:
  ros__parameters: {key_interval: 99}
/davss:
  ros__parameters:
    key_interval: 6
    left: {key_interval: 3, policy: every_frame}
    qos_overrides: {/left/image: {subscription: {depth: 4}}}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / 'own.yaml'
    path.write_text(text)
    return path


def test_checks_know_the_nodes_and_the_cameras_parameters_and_no_others() -> None:
    parameters.check('key_interval', 5)
    parameters.check('left.key_interval', None)  # not set
    parameters.check('use_sim_time', 'whatever')
    parameters.check('qos_overrides./davss/label.publisher.reliability', 'system_default')
    for name in ('key_interval', 'left.key_interval'):
        with pytest.raises(ConfigError, match='key_interval: expected 1 to 1000'):
            parameters.check(name, 0)


def test_the_shipped_file_holds_the_defaults() -> None:
    values = read_parameter_file(ROOT / 'config' / 'davss.yaml')
    assert parameters.settings_of(values) == parameters.settings_of({})
    assert set(values) == {*parameters.KNOWN, 'cameras'}


def test_a_file_of_cameras_means_what_the_node_would_make_of_it(tmp_path: Path) -> None:
    settings = parameters.settings_of(read_parameter_file(write(tmp_path, CAMERAS)))
    assert [c.segmenter.key_interval for c in settings.cameras.values()] == [6, 3]
    assert [c.node.policy for c in settings.cameras.values()] == ['drop_old', 'every_frame']
    assert settings.segmenter.longest_gap == 0.5


@pytest.mark.parametrize('node', ['/davss', '/other', '/robot/davss', '/robot/other'])
def test_values_are_those_that_rclpy_reads(tmp_path: Path, node: str) -> None:
    rclpy = pytest.importorskip('rclpy.parameter')
    text = (
        CAMERAS
        + """
robot:
  davss:
    ros__parameters: {key_interval: 2, weights: robot}
/robot/other:
  ros__parameters: {cut_distortion: 0.5}
"""
    )
    path = write(tmp_path, text)
    namespace, _, name = node.rpartition('/')
    context = __import__('rclpy').Context()
    context.init(args=['--ros-args', '--params-file', str(path)])
    try:
        from rclpy.node import Node

        plain = Node(
            name, namespace=namespace or '/', context=context, automatically_declare_parameters_from_overrides=True
        )
        expected: dict[str, Any] = {key: value.value for key, value in plain._parameters.items()}
        plain.destroy_node()
    finally:
        context.try_shutdown()
    read = read_parameter_file(path, node)
    assert read and rclpy
    assert read == {k: v for k, v in expected.items() if k in read}
    beside = ('use_sim_time', 'start_type_description_service')
    assert set(read) == {key for key in expected if key not in beside}


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('a: [', 'cannot be read as YAML'),
        ('[1, 2]', 'expected nodes with ros__parameters'),
        ('davss: {key_interval: 3}', 'expected nodes with ros__parameters'),
        ('/other: {ros__parameters: {key_interval: 3}}', 'expected parameters of /davss, found those of /other'),
        ('davss: {ros__parameters: 3}', 'ros__parameters: expected names and values, found 3'),
    ],
)
def test_a_file_that_is_none_says_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        read_parameter_file(path)
    assert str(error.value).startswith(f'{path}: ') and complaint in str(error.value)


def test_no_file_and_binary_rubbish_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='no such file'):
        read_parameter_file(tmp_path / 'none.yaml')
    (tmp_path / 'own.yaml').write_bytes(bytes(range(256)))
    with pytest.raises(ConfigError, match='cannot be read as YAML'):
        read_parameter_file(tmp_path / 'own.yaml')


def test_a_value_of_another_type_is_named_as_the_node_names_it() -> None:
    with pytest.raises(ConfigError, match="key_interval: expected int, found '5'"):
        parameters.settings_of(yaml.safe_load('{key_interval: "5"}'))
