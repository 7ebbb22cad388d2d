"""Start the DAVSS node for one or several cameras, and if asked a replay of each camera and RViz."""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

PACKAGE = 'davss_ros'
SHARE = FindPackageShare(PACKAGE)
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
    'params_file': ('', 'Parameters of the node; empty: config/davss.yaml of this package.'),
    'device': ('', 'auto, cpu, cuda or cuda:N; empty: as params_file says.'),
    'key_interval': ('', 'Every n-th frame is a key frame; empty: as params_file says.'),
    'policy': ('', 'drop_old (cameras) or every_frame (bags); empty: as params_file says.'),
    'autostart': ('', 'false leaves configure and activate to a lifecycle manager; empty: as params_file says.'),
    'use_sim_time': ('', 'Take the time from /clock; empty: as params_file says.'),
    'respawn': ('false', 'Start the node again whenever it ends.'),
    'respawn_delay': ('2.0', 'After so many seconds.'),
    'log_level': ('info', 'debug, info, warn, error or fatal.'),
    'replay': ('', 'Video, image folder or rosbag2 to publish on the image topic; of several cameras, one each.'),
    'replay_topic': ('', 'Image topic of the bag to replay, where it has several; of several cameras, one each.'),
    'rate': ('0', 'Frames per second of the replay; 0: its own.'),
    'rviz': ('false', 'Open RViz on camera, overlay and distortion (of the first camera).'),
}
OVERRIDES = {'device': str, 'policy': str, 'key_interval': int, 'autostart': bool, 'use_sim_time': bool}


def generate_launch_description() -> LaunchDescription:
    """Return the node with its arguments; `ros2 launch davss_ros davss.launch.py --show-args` lists them."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_actions)])


def _actions(context: LaunchContext) -> list[Node]:
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    cameras = _listed(given['cameras'])
    wanted = _listed(given['images']) if cameras else [given['image']]
    names = [f'{camera}/image' for camera in cameras] or ['image']
    sources = _listed(given['replay']) if cameras else list(filter(None, [given['replay']]))
    chosen = _listed(given['replay_topic'])
    for argument, values in (('images', wanted), ('replay', sources), ('replay_topic', chosen)):
        if values and len(values) != len(names):
            raise ValueError(f'{argument}: expected one for each of {", ".join(cameras)}, found {given[argument]!r}')
    topics = dict(zip(names, wanted or names, strict=True))
    replays = zip(topics.values(), sources, chosen or [''] * len(sources), strict=False)
    return [
        _davss(given, cameras, topics),
        *(_replay(given, *replay) for replay in replays),
        _rviz(given, cameras[0] if cameras else '', next(iter(topics.values()))),
    ]


def _davss(given: dict[str, str], cameras: list[str], topics: dict[str, str]) -> Node:
    """Return the node; an argument left empty leaves the say to the parameter file."""
    overrides: dict[str, object] = {
        name: _is_true(given, name) if kind is bool else kind(given[name])
        for name, kind in OVERRIDES.items()
        if given[name]
    }
    if given['transport']:
        overrides['image_transport'] = given['transport']
    if cameras:
        overrides['cameras'] = cameras
    remappings = [pair for name, topic in topics.items() for pair in _remapped(name, topic)]
    return Node(
        package=PACKAGE,
        executable='davss_node',
        name='davss',
        namespace=given['namespace'],
        parameters=[given['params_file'] or PathJoinSubstitution([SHARE, 'config', 'davss.yaml']), overrides],
        remappings=remappings,
        arguments=['--ros-args', '--log-level', given['log_level']],
        respawn=_is_true(given, 'respawn'),
        respawn_delay=float(given['respawn_delay']),
        output='screen',
        emulate_tty=True,
    )


def _replay(given: dict[str, str], topic: str, source: str, bag_topic: str) -> Node:
    return Node(
        package=PACKAGE,
        executable='replay',
        name=f'replay_{topic.strip("/").replace("/", "_")}',
        namespace=given['namespace'],
        arguments=[source, '--rate', given['rate'], *(['--topic', bag_topic] if bag_topic else [])],
        remappings=[('image', topic)],
        output='screen',
        emulate_tty=True,
    )


def _rviz(given: dict[str, str], camera: str, topic: str) -> Node:
    outputs = [(f'davss/{name}', f'davss/{camera}/{name}') for name in ('overlay', 'distortion')] if camera else []
    return Node(
        package='rviz2',
        executable='rviz2',
        namespace=given['namespace'],
        arguments=['-d', PathJoinSubstitution([SHARE, 'config', 'davss.rviz'])],
        remappings=[('image', topic), *outputs],
        condition=IfCondition(given['rviz']),
    )


def _remapped(name: str, topic: str) -> list[tuple[str, str]]:
    return [(name, topic), (f'{name}/compressed', f'{topic}/compressed')] if name != topic else []


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(',') if part.strip()]


def _is_true(given: dict[str, str], argument: str) -> bool:
    value = given[argument].lower()
    if value not in ('true', 'false'):
        raise ValueError(f'{argument}: expected true or false, found {given[argument]!r}')
    return value == 'true'
