# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Parameters of a real node in this process, with a context of its own; nothing is sent."""

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.node_config import NodeConfig
from davss_ros.core.parameters import PER_CAMERA, CameraConfig
from davss_ros.errors import ConfigError
from davss_ros.ros import parameters
from davss_ros.ros.node import DavssNode

_Make = Callable[..., Any]


def listed(values: dict[str, Any]) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in values.items()]


@pytest.fixture
def context() -> Iterator[Any]:
    context = rclpy.Context()
    context.init()
    yield context
    context.try_shutdown()


@pytest.fixture
def declared(context: Any) -> _Make:
    """Make a plain node with all our parameters, some of them overridden as by a launch file, or by a command line."""

    def make(*words: str, **overrides: Any) -> Node:
        arguments = {name.replace('__', '.'): value for name, value in overrides.items()}
        cli_args = ['--ros-args', *words]
        node = Node('plain', context=context, parameter_overrides=listed(arguments), cli_args=cli_args)
        parameters.declare(node)
        return node

    return make


@pytest.fixture
def configured(context: Any, monkeypatch: pytest.MonkeyPatch, tiny_model: Any) -> Iterator[_Make]:
    """Make our node, configured with networks of no weight."""
    monkeypatch.setattr('davss_ros.ros.cameras.load_model', lambda config: tiny_model)
    nodes: list[DavssNode] = []

    def make(**overrides: Any) -> DavssNode:
        arguments = {name.replace('__', '.'): value for name, value in overrides.items()}
        node = DavssNode(context=context, parameter_overrides=listed(arguments))
        nodes.append(node)
        node.trigger_configure()
        assert node.state == 'inactive', node.error
        return node

    yield make
    for node in nodes:
        node.destroy_node()


def refused(node: Node, **values: Any) -> str:
    """Set at once, and return why not; '' if it was done."""
    result = node.set_parameters_atomically(listed({name.replace('__', '.'): value for name, value in values.items()}))
    assert result.successful == (not result.reason)
    return str(result.reason)


def test_without_cameras_there_is_one_without_a_name(declared: _Make) -> None:
    for arguments in ({}, {'cameras': ['']}):
        node = declared(**arguments)
        settings = parameters.read(node)
        assert (settings.segmenter, settings.node) == (SegmenterConfig(), NodeConfig())
        assert settings.cameras == {'': CameraConfig(SegmenterConfig(), NodeConfig())}
        node.destroy_node()


def test_a_cameras_own_value_goes_before_the_nodes(declared: _Make) -> None:
    node = declared(cameras=['front', 'left'], key_interval=7, left__key_interval=3, front__policy='every_frame')
    cameras = parameters.read(node).cameras
    assert list(cameras) == ['front', 'left']
    assert [c.segmenter.key_interval for c in cameras.values()] == [7, 3]
    assert [c.node.policy for c in cameras.values()] == ['every_frame', 'drop_old']
    node.set_parameters(listed({'key_interval': 9}))
    assert [c.segmenter.key_interval for c in parameters.read(node).cameras.values()] == [9, 3]


def test_bit_depth_is_a_word_or_a_number(declared: _Make) -> None:
    node = declared(cameras=['front', 'left', 'back'], left__bit_depth=12, front__bit_depth='auto', bit_depth=10)
    assert [camera.node.bit_depth for camera in parameters.read(node).cameras.values()] == ['auto', 12, 10]
    with pytest.raises(ConfigError, match=r'left\.bit_depth: expected one of auto, 8.*found 17'):
        parameters.read(node, {'left.bit_depth': 17})


def test_every_setting_of_a_camera_can_be_its_own_and_none_of_the_model(declared: _Make) -> None:
    node = declared(cameras=['front'])
    own = {'working_height', 'key_interval', 'longest_gap', 'cut_distortion', 'key_frame_mode', 'key_frame_lag'}
    own |= {f'key_frame_{what}' for what in ('policy', 'distortion', 'reach', 'growth', 'classes', 'age')}
    own |= {'window_floor', 'window_budget', 'window_cost'}
    own |= {'image_transport', 'reliability', 'bit_depth', 'image_size', 'policy', 'queue_length'}
    assert set(PER_CAMERA) == own
    for name in own:
        assert node.has_parameter(f'front.{name}') and node.describe_parameter(f'front.{name}').description
    for name in ('weights', 'device', 'mode', 'batching', 'overlay_opacity'):
        assert not node.has_parameter(f'front.{name}')


@pytest.mark.parametrize('names', [['left one'], ['9th'], ['a', 'a'], ['a/b'], ['a.b'], ['_a']])
def test_names_that_no_topic_could_have_are_refused(declared: _Make, names: list[str]) -> None:
    with pytest.raises(ConfigError, match='cameras: expected different names of letters, digits and _, found'):
        declared(cameras=names)


def test_a_change_is_looked_at_before_it_is_made(declared: _Make) -> None:
    node = declared(cameras=['front', 'left'])
    changed = parameters.read(node, {'left.key_interval': 2, 'policy': 'every_frame'})
    assert [c.segmenter.key_interval for c in changed.cameras.values()] == [10, 2]
    assert {c.node.policy for c in changed.cameras.values()} == {'every_frame'}
    assert parameters.read(node).cameras['left'].segmenter.key_interval == 10
    with pytest.raises(ConfigError, match=r'left\.queue_length: expected 1 to 10000, found 0'):
        parameters.read(node, {'left.queue_length': 0})


def test_what_can_change_while_configured_does_and_reaches_every_camera(configured: _Make) -> None:
    node = configured(cameras=['front', 'left'], left__key_interval=3)
    assert not refused(node, key_interval=9, overlay_opacity=0.25, warn_silence=5.0, policy='every_frame')
    segmenters = {name: camera.segmenter.config for name, camera in node.cameras.items()}
    assert [config.key_interval for config in segmenters.values()] == [9, 3]
    assert (node.thresholds.overlay_opacity, node.thresholds.warn_silence) == (0.25, 5.0)
    for camera in node.cameras.values():
        assert [camera._mailbox.put((None, 0.0)) for _ in range(101)] == [0] * 100 + [1]
    assert not refused(node, left__key_interval=4, front__queue_length=2)
    assert node.cameras['left'].segmenter.config.key_interval == 4
    report = node.cameras['front'].statistics.report()
    assert report.unfinished == {'dropped': 98}  # of those that waited
    assert not refused(node, policy='drop_old', front__policy='every_frame')
    assert (len(node.cameras['front']._mailbox), len(node.cameras['left']._mailbox)) == (2, 1)


def test_classes_that_the_model_has_not_are_refused_while_configured(configured: _Make) -> None:
    node = configured(cameras=['front', 'left'])
    assert 'key_frame_classes: expected any of ' in refused(node, left__key_frame_classes='road,unicorn')
    assert not node.cameras['left'].segmenter.config.key_frame_classes
    name = node.model.classes[3].name
    assert not refused(node, left__key_frame_classes=name)
    assert [camera.segmenter.config.key_frame_classes for camera in node.cameras.values()] == ['', name]


def test_a_node_with_key_frames_in_the_background_leaves_no_thread_behind(configured: _Make) -> None:
    node = configured(key_frame_mode='background')  # warmed up, and so begun

    def alive() -> bool:
        return any(thread.name.startswith('davss_key_frames') for thread in threading.enumerate())

    assert alive()
    node.trigger_cleanup()
    assert node.state == 'unconfigured' and not alive()


@pytest.mark.parametrize('name', ['working_height', 'weights', 'mode', 'image_transport', 'autostart', 'batching'])
def test_what_cannot_change_while_configured_says_so_and_can_after_cleanup(configured: _Make, name: str) -> None:
    node = configured()
    other = {'working_height': 120, 'weights': 'x', 'mode': 'flow', 'image_transport': 'compressed'}
    value = {**other, 'autostart': False, 'batching': 'never'}[name]
    before = node.get_parameter(name).value
    reason = refused(node, **{name: value})
    assert reason.startswith(f'{name}: read when the node is configured; `ros2 lifecycle set /davss deactivate`')
    assert node.get_parameter(name).value == before
    node.trigger_cleanup()
    assert not refused(node, **{name: value})


def test_a_cameras_own_fixed_parameter_is_fixed_too(configured: _Make) -> None:
    node = configured(cameras=['front', 'left'])
    assert 'read when the node is configured' in refused(node, left__working_height=120)
    name = 'qos_overrides./left/image.subscription.reliability'
    assert 'read when the node is configured' in refused(node, **{name: 'best_effort'})
    assert not refused(node, use_sim_time=True)


def test_what_was_dumped_can_be_loaded_again(configured: _Make) -> None:
    node = configured(cameras=['front', 'left'], left__key_interval=3)
    node.trigger_activate()
    names = node.list_parameters([], 0).names
    assert {'cameras', 'weights', 'left.key_interval', 'use_sim_time'} <= set(names)
    assert 'qos_overrides./davss/front/label.publisher.depth' in names
    assert 'front.key_interval' not in names  # it has no value
    for parameter in node.get_parameters(names):
        assert node.set_parameters_atomically([parameter]).successful, parameter.name
    assert node.set_parameters_atomically(node.get_parameters(names)).successful
    assert 'read when the node is configured' in refused(node, weights='camvid_lite', working_height=120)
    assert node.get_parameter('front.key_interval').value is None


def test_an_empty_list_of_cameras_is_one_camera_without_a_name(declared: _Make) -> None:
    assert list(parameters.read(declared(cameras=[])).cameras) == ['']
    assert list(parameters.read(declared('-p', 'cameras:=[]')).cameras) == ['']  # of which rcl makes no value at all


def test_names_that_yaml_takes_for_truth_values_are_told_of(declared: _Make) -> None:
    assert list(parameters.read(declared('-p', 'cameras:=["y", "on"]')).cameras) == ['y', 'on']
    with pytest.raises(ConfigError, match=r'cameras: expected a list of names, found \[True, True\].*quote them'):
        declared('-p', 'cameras:=[y, on]')


def test_parameters_that_do_not_go_together_are_refused_as_a_set(configured: _Make) -> None:
    node = configured()
    assert not refused(node, error_latency=100.0)
    assert 'warn_latency: expected at most error_latency' in refused(node, warn_latency=200.0, overlay_opacity=0.1)
    assert node.get_parameter('overlay_opacity').value == 0.5
    assert (node.thresholds.warn_latency, node.thresholds.overlay_opacity) == (0.0, 0.5)
    assert not refused(node, warn_latency=200.0, error_latency=300.0)  # together they do
    assert 'warn_loss' in refused(node, warn_loss=0.9, error_loss=0.5)


def test_ranges_hold_at_once_and_sets_when_the_node_is_configured(context: Any, caplog: Any) -> None:
    node = DavssNode(context=context)
    assert 'policy: expected one of drop_old, every_frame' in refused(node, policy='newest')
    assert 'key_interval' in refused(node, key_interval=0)
    assert 'read_only' in refused(node, cameras=['front']).replace(' ', '_').replace('-', '_')
    assert not refused(node, cameras=[''])  # as it is
    assert not refused(node, warn_latency=200.0, error_latency=100.0)
    node.trigger_configure()
    assert node.state == 'unconfigured'
    assert node.error == 'warn_latency: expected at most error_latency (100), found 200'
    node.destroy_node()


def test_configure_warms_the_model_and_cleanup_frees_it(
    context: Any, monkeypatch: pytest.MonkeyPatch, tiny_model: Any
) -> None:
    runs = dict.fromkeys(('key', 'flow', 'distortion', 'correction'), 0)
    models: list[Any] = []

    def counted(role: str, *arguments: Any) -> Any:
        runs[role] += 1
        return getattr(tiny_model, role)(*arguments)

    def load(config: Any) -> Any:
        model = replace(tiny_model, **{role: partial(counted, role) for role in runs})
        models.append(weakref.ref(model))
        return model

    shapes: set[tuple[int, ...]] = set()
    key = tiny_model.key
    tiny_model = replace(tiny_model, key=lambda image: shapes.add(tuple(image.shape[2:])) or key(image))
    monkeypatch.setattr('davss_ros.ros.cameras.load_model', load)
    arguments = {'cameras': ['front', 'left'], 'working_height': 0, 'left.image_size': '160x64'}
    node = DavssNode(context=context, parameter_overrides=listed(arguments))
    node.trigger_configure()
    assert all(runs.values()), runs  # before any frame has come
    assert shapes == {(480, 640), (64, 160)}
    node.trigger_activate()
    node.trigger_deactivate()
    assert [model() is node.model for model in models] == [True]  # one for both cameras, and kept
    node.trigger_cleanup()
    assert models[0]() is None
    node.destroy_node()


def test_what_cannot_be_activated_is_said_and_a_repair_works(
    configured: _Make, capfd: pytest.CaptureFixture[str]
) -> None:
    node = configured(cameras=['front', 'left'])
    name = 'qos_overrides./left/image.subscription.history'
    node.declare_parameter(name, 'backwards')
    node.trigger_activate()
    assert node.state == 'inactive'
    assert 'not activated: ' in capfd.readouterr().err and 'backwards' in node.error
    assert [node.count_subscribers(f'/{camera}/image') for camera in ('front', 'left')] == [0, 0]
    node.trigger_cleanup()
    assert not refused(node, **{name: 'keep_last'})
    node.trigger_configure()
    node.trigger_activate()
    assert (node.state, node.error) == ('active', '')


def test_several_cameras_can_be_configured_again_and_again(configured: _Make) -> None:
    node = configured(cameras=['front', 'left'])
    for _ in range(2):
        node.trigger_activate()
        node.trigger_deactivate()
        node.trigger_cleanup()
        assert node.state == 'unconfigured' and not node.cameras
        node.trigger_configure()
        assert node.state == 'inactive', node.error
    assert [camera.topic for camera in node.cameras.values()] == ['/front/image', '/left/image']


def test_a_destroyed_node_leaves_no_service_behind(context: Any) -> None:
    DavssNode(context=context).destroy_node()
    other = rclpy.create_node('looking', context=context)
    time.sleep(1.0)  # for what is there to be found
    left = [name for name, _ in other.get_service_names_and_types() if name.startswith('/davss/')]
    other.destroy_node()
    assert left == []
