# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The launch file, by the launch system where that is installed, and by a stand-in everywhere."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import launch_stand_in  # beside this file
import pytest
import yaml

from davss_ros.core.classes import load_classes
from davss_ros.ros.topics import CAMERA_OUTPUTS, IMAGE, NODE_OUTPUTS

LAUNCH = Path(__file__).parent.parent.parent / 'launch' / 'davss.launch.py'
INSTALLED = importlib.util.find_spec('launch_ros') is not None


@pytest.fixture(autouse=True, params=['stand-in', 'installed'])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == 'stand-in':
        for name, module in launch_stand_in.modules().items():
            monkeypatch.setitem(sys.modules, name, module)
    elif not INSTALLED:
        pytest.skip('launch_ros is not installed')
    return str(request.param)


def description() -> Any:
    spec = importlib.util.spec_from_file_location('davss_launch', LAUNCH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


def test_every_argument_has_a_description_and_a_default() -> None:
    arguments = {argument.name: argument for argument in description().get_launch_arguments()}
    expected = {'image', 'cameras', 'images', 'transport', 'namespace', 'params_file', 'weights', 'classes', 'key'}
    expected |= {'engine', 'device', 'precision', 'working_height', 'key_interval', 'policy', 'autostart', 'rviz'}
    expected |= {
        'mode',
        'use_sim_time',
        'respawn',
        'respawn_delay',
        'log_level',
        'replay',
        'replay_topic',
        'rate',
        'loop',
    }
    assert arguments.keys() == expected
    assert all(argument.description and argument.default_value is not None for argument in arguments.values())


def actions(*argv: str, **arguments: str) -> list[Any]:
    """What would be started, and the context it would be in."""
    context = sys.modules['launch'].LaunchContext(argv=argv)
    context.launch_configurations.update(arguments)
    for entity in description().entities[:-1]:
        entity.execute(context)
    started = description().entities[-1].execute(context)
    for action in started:
        action.context = context
    return list(started)


def started(**arguments: str) -> list[str]:
    """The executables that would be started."""
    return [action.node_executable for action in actions(**arguments)]


def node_of(**arguments: str) -> tuple[list[Any], dict[str, str], bool]:
    """Parameters in the order in which they go before one another, remappings, and whether it is started again."""
    node = actions(**arguments)[0]
    if isinstance(node, launch_stand_in.Node):
        return node.parameters, dict(node.remappings), node.respawn
    from launch_ros.utilities import evaluate_parameters

    def plain(substitutions: Any) -> str:
        return ''.join(part.perform(node.context) for part in substitutions)

    parameters = [
        str(parameters)
        if isinstance(parameters, Path)
        else {name: list(value) if isinstance(value, tuple) else value for name, value in parameters.items()}
        for parameters in evaluate_parameters(node.context, node._Node__parameters)
    ]
    remappings = {plain(name): plain(topic) for name, topic in node._Node__remappings}
    return parameters, remappings, node._ExecuteLocal__respawn


def test_each_camera_may_have_a_replay() -> None:
    assert started() == ['davss_node']
    assert started(replay='a,b.mp4') == ['davss_node', 'replay']  # of one camera, whatever its name
    assert started(cameras='front,left', replay='a.mp4,b.mp4') == ['davss_node', 'replay', 'replay']
    with pytest.raises(ValueError, match='replay: expected one for each of front, left'):
        started(cameras='front,left', replay='a.mp4')


def test_a_replay_may_go_on_for_ever(system: str) -> None:
    if system == 'stand-in':
        assert actions(replay='a', rate='5', loop='true')[1].arguments == ['a', '--rate', '5', '--loop']
        assert actions(replay='a')[1].arguments == ['a', '--rate', '0']
        chosen = actions(replay='a', replay_topic='/front')[1].arguments
        assert chosen == ['a', '--rate', '0', '--topic', '/front']


def test_cameras_may_be_topics_of_one_bag(system: str) -> None:
    arguments = {'cameras': 'front,left', 'replay': 'drive,drive', 'replay_topic': '/a,/b'}
    assert started(**arguments) == ['davss_node', 'replay', 'replay']
    if system == 'stand-in':
        replays = [node.arguments for node in actions(**arguments)[1:]]
        assert replays == [['drive', '--rate', '0', '--topic', '/a'], ['drive', '--rate', '0', '--topic', '/b']]
    with pytest.raises(ValueError, match='replay_topic: expected one for each of front, left'):
        started(**{**arguments, 'replay_topic': '/a'})


def test_what_is_not_given_is_left_to_whoever_includes_this_or_to_the_parameter_file(tmp_path: Path) -> None:
    assert node_of() == ([], {}, False)  # no file of ours, that would go before what a parent launch file sets
    file = tmp_path / 'mine.yaml'
    file.touch()
    texts = {'weights': 'a.safetensors', 'classes': 'camvid11', 'key': 'deeplab_lite0', 'engine': 'torch'}
    texts |= {'device': 'cpu', 'precision': 'float32', 'policy': 'every_frame', 'transport': 'compressed'}
    texts['mode'] = 'per_frame'
    numbers = {'key_interval': '8', 'working_height': '120', 'autostart': 'false', 'use_sim_time': 'True'}
    (first, overrides), *_ = node_of(params_file=str(file), **texts, **numbers)
    assert first == str(file)
    assert overrides.pop('image_transport') == texts.pop('transport')
    assert overrides == {**texts, 'key_interval': 8, 'working_height': 120, 'autostart': False, 'use_sim_time': True}


def test_topics_of_cameras_are_remapped_with_their_compressed_ones() -> None:
    assert node_of(image='/cam/raw')[1] == {'image': '/cam/raw', 'image/compressed': '/cam/raw/compressed'}
    parameters, remappings, _ = node_of(cameras='front, left', images='/a,left/image')
    assert parameters == [{'cameras': ['front', 'left']}]
    assert remappings == {'front/image': '/a', 'front/image/compressed': '/a/compressed'}
    with pytest.raises(ValueError, match="images: expected one for each of front, left, found '/a'"):
        node_of(cameras='front,left', images='/a')


def test_a_camera_called_y_is_quoted() -> None:
    ((file,), *_) = node_of(cameras='y,on')
    path = Path(file)
    assert '"cameras": ["y", "on"]' in path.read_text()
    path.unlink()


@pytest.mark.parametrize(
    ('argument', 'value', 'expected'),
    [
        ('respawn', 'ture', 'true or false'),
        ('autostart', 'ture', 'true or false'),
        ('use_sim_time', 'ture', 'true or false'),
        ('loop', 'ture', 'true or false'),
        ('rviz', 'ture', 'true or false'),
        ('key_interval', 'often', 'a whole number'),
        ('working_height', '1.5', 'a whole number'),
        ('rate', 'fast', 'a number from 0 up'),
        ('respawn_delay', '-1', 'a number from 0 up'),
        ('transport', 'h264', 'raw or compressed'),
        ('policy', 'newest', 'drop_old or every_frame'),
        ('log_level', 'loud', 'debug or info or warn or error or fatal'),
        ('params_file', '/nowhere.yaml', 'a file'),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_argument(argument: str, value: str, expected: str) -> None:
    with pytest.raises(ValueError, match=f"^{argument}: expected {expected}, found '{value}'"):
        started(replay='a', **{argument: value})


def test_arguments_that_do_not_exist_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'argv', ['ros2', 'launch', 'davss_ros', 'davss.launch.py', 'weigths:=x'])
    with pytest.raises(ValueError, match='weigths: no such argument; did you mean weights'):
        actions('weigths:=x')
    assert actions('weights:=x', 'launch-prefix:=nice')
    monkeypatch.setattr(sys, 'argv', ['ros2', 'launch', 'robot', 'robot.launch.py', 'arm:=left'])  # a parent's own
    assert actions('arm:=left')


@pytest.mark.parametrize('installed', [True, False])
def test_rviz_that_is_not_installed_is_said_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installed: bool
) -> None:
    packages = tmp_path / 'share' / 'ament_index' / 'resource_index' / 'packages'
    packages.mkdir(parents=True)
    if installed:
        (packages / 'rviz2').touch()
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    if installed:
        assert started(rviz='true') == ['davss_node', 'rviz2']
    else:
        with pytest.raises(ValueError, match='rviz: rviz2 is not installed'):
            started(rviz='true')


def test_respawn_is_an_option() -> None:
    assert [node_of(respawn=value)[2] for value in ('true', 'false')] == [True, False]


def test_the_costmap_layer_is_wired_to_what_the_node_publishes() -> None:
    config = yaml.safe_load((LAUNCH.parent.parent / 'config' / 'nav2_semantic_layer.yaml').read_text())
    layer = config['local_costmap']['local_costmap']['ros__parameters']['semantic_segmentation_layer']
    camera = layer['camera']
    published = {f'/davss/{topic.name}': topic.type for topic in (*CAMERA_OUTPUTS, *NODE_OUTPUTS)}
    wired = {'segmentation_topic': IMAGE, 'confidence_topic': IMAGE, 'labels_topic': 'vision_msgs/msg/LabelInfo'}
    assert {name: published[camera[name]] for name in wired} == wired
    classes = [name for kind in camera['class_types'] for name in camera[kind]['classes']]
    assert sorted(classes) == sorted(semantic_class.name for semantic_class in load_classes('camvid11'))  # each once
