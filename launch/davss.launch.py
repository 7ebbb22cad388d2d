# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Start the DAVSS node for one or several cameras, and if asked a replay of each camera and RViz."""

import difflib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

PACKAGE = 'davss_ros'
ARGUMENTS = {  # name -> default, description
    'image': ('image', 'Image topic to subscribe to (one camera).'),
    'cameras': (
        '',
        'Names of several cameras, separated by commas: front,left subscribes to front/image and left/image, and '
        'publishes ~/front/label and so on.',
    ),
    'images': ('', 'Image topics of these cameras, separated by commas; empty: <camera>/image.'),
    'transport': ('', 'raw or compressed; empty: as params_file says.'),
    'namespace': ('', 'Namespace of everything started here.'),
    'params_file': (
        '',
        'Parameters of the node; empty: its defaults, as config/davss.yaml of this package lists them.',
    ),
    'weights': ('', 'Shipped model by name, or a weights file; empty: as params_file says.'),
    'classes': ('', 'Shipped class list by name, or a YAML file; empty: as params_file says.'),
    'key': ('', 'Key network by name, or your own, as onnx:FILE; empty: as params_file says.'),
    'engine': ('', 'What computes the networks; empty: as params_file says.'),
    'device': ('', 'auto, cpu, cuda or cuda:N; empty: as params_file says.'),
    'precision': ('', 'auto, float32, bfloat16 or float16; empty: as params_file says.'),
    'working_height': ('', 'px; frames are scaled down to it, 0 keeps their own; empty: as params_file says.'),
    'key_interval': ('', 'Every n-th frame is a key frame; empty: as params_file says.'),
    'mode': ('', 'davss, per_frame, hold, flow or correct_all; empty: as params_file says.'),
    'policy': ('', 'drop_old (cameras) or every_frame (bags); empty: as params_file says.'),
    'autostart': ('', 'false leaves configure and activate to a lifecycle manager; empty: as params_file says.'),
    'use_sim_time': ('', 'Take the time from /clock; empty: as params_file says.'),
    'respawn': ('false', 'Start the node again whenever it ends.'),
    'respawn_delay': ('2.0', 'After so many seconds.'),
    'log_level': ('info', 'debug, info, warn, error or fatal.'),
    'replay': ('', 'Video, image folder or rosbag2 to publish on the image topic; of several cameras, one each.'),
    'replay_topic': ('', 'Image topic of the bag to replay, where it has several; of several cameras, one each.'),
    'rate': ('0', 'Frames per second of the replay; 0: its own.'),
    'loop': ('false', 'Start the replay again at its end.'),
    'rviz': ('false', 'Open RViz on camera, overlay and distortion (of the first camera).'),
}
LAUNCH_OWN = ('launch-prefix', 'launch-prefix-filter')  # arguments of launch itself
Values = dict[str, str]


def generate_launch_description() -> LaunchDescription:
    """Return the node with its arguments; `ros2 launch davss_ros davss.launch.py --show-args` lists them."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_actions)])


def _actions(context: LaunchContext) -> list[Node]:
    """Return what is to be started; everything is looked at first, so that a mistake starts nothing."""
    _refuse_unknown(context.argv)
    values = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    cameras = _listed(values['cameras'])
    wanted = _listed(values['images']) if cameras else [values['image']]
    names = [f'{camera}/image' for camera in cameras] or ['image']
    sources = _listed(values['replay']) if cameras else list(filter(None, [values['replay']]))
    chosen = _listed(values['replay_topic'])
    for argument, found in (('images', wanted), ('replay', sources), ('replay_topic', chosen)):
        if found and len(found) != len(names):
            raise ValueError(f'{argument}: expected one for each of {", ".join(cameras)}, found {values[argument]!r}')
    topics = dict(zip(names, wanted or names, strict=True))
    actions = [_davss(values, cameras, topics)]
    replays = zip(topics.values(), sources, chosen or [''] * len(sources), strict=False)
    actions += [_replay(values, *replay) for replay in replays]
    if _boolean(values, 'rviz'):
        actions.append(_rviz(values, cameras[0] if cameras else '', next(iter(topics.values()))))
    return actions


def _refuse_unknown(argv: list[str]) -> None:
    """Raise unless all arguments of the command line are ours; they are its top launch file's, if that is another."""
    if not any(Path(word).name == Path(__file__).name for word in sys.argv):
        return
    for name in (word.partition(':=')[0] for word in argv if ':=' in word):
        if name not in (*ARGUMENTS, *LAUNCH_OWN):
            nearest = difflib.get_close_matches(name, ARGUMENTS, 1)
            hint = f'; did you mean {nearest[0]}?' if nearest else '; --show-args lists all'
            raise ValueError(f'{name}: no such argument{hint}')


def _davss(values: Values, cameras: list[str], topics: dict[str, str]) -> Node:
    """Return the node; an argument left empty leaves the say to the parameter file, or to whoever includes this."""
    overrides: dict[str, object] = {name: convert(values, name) for name, convert in OVERRIDES.items() if values[name]}
    if values['transport']:
        overrides['image_transport'] = _choice(values, 'transport', 'raw', 'compressed')
    parameters: list[Any] = []
    if values['params_file']:
        path = Path(values['params_file']).expanduser()
        if not path.is_file():
            raise ValueError(f'params_file: expected a file, found {values["params_file"]!r}')
        parameters.append(str(path))
    if overrides:
        parameters.append(overrides)
    if cameras:
        parameters.append(_names(cameras))
    return Node(
        package=PACKAGE,
        executable='davss_node',
        name='davss',
        namespace=values['namespace'],
        parameters=parameters,
        remappings=[pair for name, topic in topics.items() for pair in _remapped(name, topic)],
        arguments=[
            '--ros-args',
            '--log-level',
            _choice(values, 'log_level', 'debug', 'info', 'warn', 'error', 'fatal'),
        ],
        respawn=_boolean(values, 'respawn'),
        respawn_delay=_number(values, 'respawn_delay'),
        output='screen',
        emulate_tty=True,
    )


def _replay(values: Values, topic: str, source: str, chosen: str) -> Node:
    options = [*(['--loop'] if _boolean(values, 'loop') else []), *(['--topic', chosen] if chosen else [])]
    return Node(
        package=PACKAGE,
        executable='replay',
        name=f'replay_{topic.strip("/").replace("/", "_")}',
        namespace=values['namespace'],
        arguments=[source, '--rate', f'{_number(values, "rate"):g}', *options],
        remappings=[('image', topic)],
        output='screen',
        emulate_tty=True,
    )


def _rviz(values: Values, camera: str, topic: str) -> Node:
    try:
        get_package_prefix('rviz2')
    except PackageNotFoundError:
        raise ValueError(
            'rviz: rviz2 is not installed (apt install ros-$ROS_DISTRO-rviz2); leave rviz:=true out'
        ) from None
    outputs = [(f'davss/{name}', f'davss/{camera}/{name}') for name in ('overlay', 'distortion')] if camera else []
    return Node(
        package='rviz2',
        executable='rviz2',
        namespace=values['namespace'],
        arguments=['-d', PathJoinSubstitution([FindPackageShare(PACKAGE), 'config', 'davss.rviz'])],
        remappings=[('image', topic), *outputs],
    )


def _names(cameras: list[str]) -> object:
    """Return the parameter ``cameras``; in a file of our own, as launch_ros would not quote a camera called y."""
    if not {'y', 'n'} & {camera.lower() for camera in cameras}:
        return {'cameras': cameras}
    with tempfile.NamedTemporaryFile('w', prefix='davss_cameras_', suffix='.yaml', delete=False) as file:
        json.dump({'/**': {'ros__parameters': {'cameras': cameras}}}, file)
    return file.name


def _remapped(name: str, topic: str) -> list[tuple[str, str]]:
    return [(name, topic), (f'{name}/compressed', f'{topic}/compressed')] if name != topic else []


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(',') if part.strip()]


def _text(values: Values, argument: str) -> str:
    return values[argument]


def _boolean(values: Values, argument: str) -> bool:
    return _choice(values | {argument: values[argument].lower()}, argument, 'true', 'false') == 'true'


def _choice(values: Values, argument: str, *choices: str) -> str:
    if values[argument] not in choices:
        raise ValueError(f'{argument}: expected {" or ".join(choices)}, found {values[argument]!r}')
    return values[argument]


def _whole(values: Values, argument: str) -> int:
    try:
        return int(values[argument])
    except ValueError:
        raise ValueError(f'{argument}: expected a whole number, found {values[argument]!r}') from None


def _number(values: Values, argument: str) -> float:
    try:
        number = float(values[argument])
    except ValueError:
        number = -1.0
    if not 0 <= number < float('inf'):
        raise ValueError(f'{argument}: expected a number from 0 up, found {values[argument]!r}')
    return number


def _policy(values: Values, argument: str) -> str:
    return _choice(values, argument, 'drop_old', 'every_frame')


OVERRIDES: dict[str, Callable[[Values, str], object]] = {
    'weights': _text,
    'classes': _text,
    'key': _text,
    'engine': _text,
    'device': _text,
    'precision': _text,
    'working_height': _whole,
    'key_interval': _whole,
    'mode': _text,
    'policy': _policy,
    'autostart': _boolean,
    'use_sim_time': _boolean,
}
