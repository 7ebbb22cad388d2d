"""Start the DAVSS node, and if asked a replay source and RViz."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, NotEqualsSubstitution, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
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
        DeclareLaunchArgument('device', default_value='auto', description='auto, cpu, cuda or cuda:N.'),
        DeclareLaunchArgument('use_sim_time', default_value='false', description='Take the time from /clock.'),
        DeclareLaunchArgument('log_level', default_value='info', description='debug, info, warn, error or fatal.'),
        DeclareLaunchArgument(
            'replay', default_value='', description='Video, image folder or rosbag2 to publish on the image topic.'
        ),
        DeclareLaunchArgument('rate', default_value='0', description='Frames per second of the replay; 0: its own.'),
        DeclareLaunchArgument('rviz', default_value='false', description='Open RViz on camera, overlay, distortion.'),
    ]
    image = ('image', LaunchConfiguration('image'))
    compressed = ('image/compressed', [LaunchConfiguration('image'), '/compressed'])
    node = Node(
        package=PACKAGE,
        executable='davss_node',
        name='davss',
        namespace=LaunchConfiguration('namespace'),
        parameters=[
            LaunchConfiguration('params_file'),
            {
                'device': ParameterValue(LaunchConfiguration('device'), value_type=str),
                'use_sim_time': ParameterValue(LaunchConfiguration('use_sim_time'), value_type=bool),
            },
        ],
        remappings=[image, compressed],
        arguments=['--ros-args', '--log-level', LaunchConfiguration('log_level')],
        output='screen',
        emulate_tty=True,
    )
    replaying = NotEqualsSubstitution(LaunchConfiguration('replay'), '')
    replay = Node(
        package=PACKAGE,
        executable='replay',
        name='replay',
        namespace=LaunchConfiguration('namespace'),
        arguments=[LaunchConfiguration('replay'), '--rate', LaunchConfiguration('rate')],
        remappings=[image],
        condition=IfCondition(replaying),
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
    return LaunchDescription([*arguments, node, replay, rviz])
