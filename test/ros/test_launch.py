"""The launch file, where the launch system is installed (it is not on PyPI)."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

launch = pytest.importorskip('launch')
pytest.importorskip('launch_ros')
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


def started(**arguments: str) -> list[str]:
    """The executables that would be started, with the replays' arguments."""
    context = launch.LaunchContext()
    context.launch_configurations.update({'params_file': 'davss.yaml', **arguments})
    for entity in description().entities[:-1]:
        entity.execute(context)
    actions = description().entities[-1].execute(context)
    return [action.node_executable for action in actions]


def test_each_camera_may_have_a_replay() -> None:
    assert started() == ['davss_node', 'rviz2']
    assert started(replay='a,b.mp4') == ['davss_node', 'replay', 'rviz2']  # of one camera, whatever its name
    assert started(cameras='front,left', replay='a.mp4,b.mp4') == ['davss_node', 'replay', 'replay', 'rviz2']
    with pytest.raises(ValueError, match='replay: expected one for each of front, left'):
        started(cameras='front,left', replay='a.mp4')
