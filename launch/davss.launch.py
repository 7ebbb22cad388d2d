"""Start the DAVSS node, and if asked a replay source and RViz."""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, NotEqualsSubstitution, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

PACKAGE = 'davss_ros'


def generate_launch_description() -> LaunchDescription:
    """Return the node with its arguments; `ros2 launch davss_ros davss.launch.py --show-args` lists them."""
    share = FindPackageShare(PACKAGE)
    arguments = [
        DeclareLaunchArgument('image', default_value='image', description='Image topic to subscribe to.'),
        DeclareLaunchArgument('namespace', default_value='', description='Namespace of everything started here.'),
        DeclareLaunchArgument(
            'params_file',
            default_value=PathJoinSubstitution([share, 'config', 'davss.yaml']),
            description='Parameters of the node.',
        ),
        DeclareLaunchArgument(
            'device', default_value='', description='auto, cpu, cuda or cuda:N; empty: as params_file says.'
        ),
        DeclareLaunchArgument(
            'use_sim_time', default_value='', description='Take the time from /clock; empty: as params_file says.'
        ),
        DeclareLaunchArgument('log_level', default_value='info', description='debug, info, warn, error or fatal.'),
        DeclareLaunchArgument(
            'replay', default_value='', description='Video, image folder or rosbag2 to publish on the image topic.'
        ),
        DeclareLaunchArgument('rate', default_value='0', description='Frames per second of the replay; 0: its own.'),
        DeclareLaunchArgument('rviz', default_value='false', description='Open RViz on camera, overlay, distortion.'),
    ]
    image = ('image', LaunchConfiguration('image'))
    replay = Node(
        package=PACKAGE,
        executable='replay',
        name='replay',
        namespace=LaunchConfiguration('namespace'),
        arguments=[LaunchConfiguration('replay'), '--rate', LaunchConfiguration('rate')],
        remappings=[image],
        condition=IfCondition(NotEqualsSubstitution(LaunchConfiguration('replay'), '')),
        output='screen',
        emulate_tty=True,
    )
    rviz = Node(
        package='rviz2',
        executable='rviz2',
        namespace=LaunchConfiguration('namespace'),
        arguments=['-d', PathJoinSubstitution([share, 'config', 'davss.rviz'])],
        remappings=[image],
        condition=IfCondition(LaunchConfiguration('rviz')),
    )
    return LaunchDescription([*arguments, OpaqueFunction(function=_node), replay, rviz])


def _node(context: LaunchContext) -> list[Node]:
    """Return the node; an argument left empty leaves the say to the parameter file."""

    def given(argument: str) -> str:
        return LaunchConfiguration(argument).perform(context)

    overrides: dict[str, str | bool] = {}
    if given('device'):
        overrides['device'] = given('device')
    if given('use_sim_time'):
        overrides['use_sim_time'] = given('use_sim_time').lower() == 'true'
    image = given('image')
    return [
        Node(
            package=PACKAGE,
            executable='davss_node',
            name='davss',
            namespace=given('namespace'),
            parameters=[given('params_file'), overrides],
            remappings=[('image', image), ('image/compressed', f'{image}/compressed')],
            arguments=['--ros-args', '--log-level', given('log_level')],
            output='screen',
            emulate_tty=True,
        )
    ]
