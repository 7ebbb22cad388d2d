"""The launch file, where the launch system is installed (it is not on PyPI)."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

launch = pytest.importorskip('launch')
pytest.importorskip('launch_ros')
from launch_ros.utilities import evaluate_parameters  # noqa: E402  # there, as it turned out

LAUNCH = Path(__file__).parent.parent.parent / 'launch' / 'davss.launch.py'


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
        'rate',
        'rviz',
    }
    assert arguments.keys() == expected
    assert all(argument.description and argument.default_value is not None for argument in arguments.values())


def actions(**arguments: str) -> list[Any]:
    """What would be started, and the context it would be in."""
    context = launch.LaunchContext()
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


def node_of(**arguments: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Parameters that go before those of the file, and remappings."""
    node = actions(**arguments)[0]
    file, overrides = evaluate_parameters(node.context, node._Node__parameters)
    assert file == Path('davss.yaml')
    pairs = ((perform(node.context, one), perform(node.context, other)) for one, other in node._Node__remappings)
    return dict(overrides), dict(pairs)


def perform(context: Any, substitutions: Any) -> str:
    return ''.join(one.perform(context) for one in substitutions)


def test_each_camera_may_have_a_replay() -> None:
    assert started() == ['davss_node', 'rviz2']
    assert started(replay='a,b.mp4') == ['davss_node', 'replay', 'rviz2']  # of one camera, whatever its name
    assert started(cameras='front,left', replay='a.mp4,b.mp4') == ['davss_node', 'replay', 'replay', 'rviz2']
    with pytest.raises(ValueError, match='replay: expected one for each of front, left'):
        started(cameras='front,left', replay='a.mp4')


def test_what_is_not_given_is_left_to_the_parameter_file() -> None:
    assert node_of() == ({}, {})
    given = {'device': 'cpu', 'key_interval': '8', 'policy': 'every_frame', 'transport': 'compressed'}
    parameters, _ = node_of(**given, autostart='false', use_sim_time='True')
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
    parameters, remappings = node_of(cameras='front, left', images='/a,left/image')
    assert parameters == {'cameras': ('front', 'left')}
    assert remappings == {'front/image': '/a', 'front/image/compressed': '/a/compressed'}
    with pytest.raises(ValueError, match="images: expected one for each of front, left, found '/a'"):
        node_of(cameras='front,left', images='/a')


@pytest.mark.parametrize('argument', ['respawn', 'autostart', 'use_sim_time'])
def test_what_is_neither_true_nor_false_is_refused(argument: str) -> None:
    with pytest.raises(ValueError, match=f"{argument}: expected true or false, found 'ture'"):
        started(**{argument: 'ture'})


def test_respawn_is_an_option() -> None:
    assert [actions(respawn=one)[0]._ExecuteLocal__respawn for one in ('true', 'false')] == [True, False]
