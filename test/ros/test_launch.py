"""The launch file, by the launch system where that is installed, and by a stand-in everywhere."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import launch_stand_in  # beside this file
import pytest

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
    expected = {'image', 'cameras', 'images', 'transport', 'namespace', 'params_file', 'device', 'key_interval'}
    expected |= {
        'policy',
        'autostart',
        'use_sim_time',
        'respawn',
        'respawn_delay',
        'log_level',
        'replay',
        'replay_topic',
        'rate',
        'rviz',
    }
    assert arguments.keys() == expected
    assert all(argument.description and argument.default_value is not None for argument in arguments.values())


def actions(**arguments: str) -> list[Any]:
    """What would be started, and the context it would be in."""
    context = sys.modules['launch'].LaunchContext()
    context.launch_configurations.update({'params_file': 'davss.yaml', **arguments})
    for entity in description().entities[:-1]:
        entity.execute(context)
    started = description().entities[-1].execute(context)
    for action in started:
        action.context = context
    return list(started)


def started(**arguments: str) -> list[str]:
    """The executables that would be started."""
    return [action.node_executable for action in actions(**arguments)]


def node_of(**arguments: str) -> tuple[dict[str, Any], dict[str, str], bool]:
    """Parameters that go before those of the file, remappings, and whether it is started again."""
    node = actions(**arguments)[0]
    if isinstance(node, launch_stand_in.Node):
        file, overrides = node.parameters
        assert file == 'davss.yaml'
        return overrides, dict(node.remappings), node.respawn
    from launch_ros.utilities import evaluate_parameters

    def plain(substitutions: Any) -> str:
        return ''.join(one.perform(node.context) for one in substitutions)

    file, overrides = evaluate_parameters(node.context, node._Node__parameters)
    assert file == Path('davss.yaml')
    found = {name: list(value) if isinstance(value, tuple) else value for name, value in overrides.items()}
    remappings = {plain(one): plain(other) for one, other in node._Node__remappings}
    return found, remappings, node._ExecuteLocal__respawn


def test_each_camera_may_have_a_replay() -> None:
    assert started() == ['davss_node', 'rviz2']
    assert started(replay='a,b.mp4') == ['davss_node', 'replay', 'rviz2']  # of one camera, whatever its name
    assert started(cameras='front,left', replay='a.mp4,b.mp4') == ['davss_node', 'replay', 'replay', 'rviz2']
    with pytest.raises(ValueError, match='replay: expected one for each of front, left'):
        started(cameras='front,left', replay='a.mp4')


def test_cameras_may_be_topics_of_one_bag(system: str) -> None:
    given = {'cameras': 'front,left', 'replay': 'drive,drive', 'replay_topic': '/a,/b'}
    assert started(**given) == ['davss_node', 'replay', 'replay', 'rviz2']
    if system == 'stand-in':
        replays = [node.arguments for node in actions(**given)[1:3]]
        assert replays == [['drive', '--rate', '0', '--topic', '/a'], ['drive', '--rate', '0', '--topic', '/b']]
        assert actions(replay='drive')[1].arguments == ['drive', '--rate', '0']
    with pytest.raises(ValueError, match='replay_topic: expected one for each of front, left'):
        started(**{**given, 'replay_topic': '/a'})


def test_what_is_not_given_is_left_to_the_parameter_file() -> None:
    assert node_of() == ({}, {}, False)
    given = {'device': 'cpu', 'key_interval': '8', 'policy': 'every_frame', 'transport': 'compressed'}
    parameters, *_ = node_of(**given, autostart='false', use_sim_time='True')
    assert parameters.pop('image_transport') == 'compressed'
    assert parameters == {
        'device': 'cpu',
        'key_interval': 8,
        'policy': 'every_frame',
        'autostart': False,
        'use_sim_time': True,
    }


def test_topics_of_cameras_are_remapped_with_their_compressed_ones() -> None:
    assert node_of(image='/cam/raw')[1] == {'image': '/cam/raw', 'image/compressed': '/cam/raw/compressed'}
    parameters, remappings, _ = node_of(cameras='front, left', images='/a,left/image')
    assert parameters == {'cameras': ['front', 'left']}
    assert remappings == {'front/image': '/a', 'front/image/compressed': '/a/compressed'}
    with pytest.raises(ValueError, match="images: expected one for each of front, left, found '/a'"):
        node_of(cameras='front,left', images='/a')


@pytest.mark.parametrize('argument', ['respawn', 'autostart', 'use_sim_time'])
def test_what_is_neither_true_nor_false_is_refused(argument: str) -> None:
    with pytest.raises(ValueError, match=f"{argument}: expected true or false, found 'ture'"):
        started(**{argument: 'ture'})


def test_respawn_is_an_option() -> None:
    assert [node_of(respawn=one)[2] for one in ('true', 'false')] == [True, False]
