# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The node's process: callbacks in one thread, the networks in the main one."""

import argparse
import sys
from collections.abc import Sequence
from threading import Thread

from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.task import Future
from rclpy.utilities import ok, try_shutdown

from davss_ros.engines.allocator import keep_freed_memory
from davss_ros.errors import DavssError
from davss_ros.ros.node import DavssNode
from davss_ros.ros.signals import Ending
from davss_ros.ros.start import plain_arguments, start_ros
from davss_ros.ros.wiring import misdirected_files

CALLBACK_TIME = 10.0  # s, for the callback in hand at the end
HELP = """Labels every pixel of a camera's video: a managed ROS 2 node.

parameters:  --ros-args -p key_interval:=5 --params-file my.yaml
topics:      --ros-args -r image:=/camera/image_raw
name:        --ros-args -r __node:=front_davss -r __ns:=/robot

All parameters, topics and services: docs/parameters.md, docs/topics.md, docs/operation.md; of a running node:
ros2 param describe /davss NAME. Several of these at once: ros2 launch davss_ros davss.launch.py --show-args"""


def main(arguments: Sequence[str], ending: Ending) -> int:
    """Run the node until it is told to end; return the exit status."""
    parser = argparse.ArgumentParser(
        'davss_node',
        usage='davss_node [-h] [--ros-args ...]',
        description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    keep_freed_memory()
    node: DavssNode | None = None
    ended = Future()
    callbacks: Thread | None = None
    try:
        plain_arguments(parser, arguments)
        start_ros('davss_node', arguments)
        ending.defer()  # a node half made or configured is taken down in order
        node = DavssNode()
        node.misdirected = misdirected_files(arguments, node.get_fully_qualified_name())
        if not ending.requested:
            node.start()  # in this thread, where the model is warmed for the one that uses it
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        callbacks = Thread(target=_spin, args=(node, executor, ended), name='davss_callbacks')
        callbacks.start()
        ending.on_end(node.workers.close)
        node.workers.work()  # here, in the main thread: see `davss_ros.ros.worker`
    except (DavssError, ParameterException) as error:
        way = '; a number with a point is wanted, as 1.0' if "'INTEGER', expecting type 'DOUBLE'" in str(error) else ''
        print(f'davss_node: {error}{way}', file=sys.stderr)
        return 1
    finally:
        ended.set_result(None)
        if callbacks is not None:
            callbacks.join(timeout=CALLBACK_TIME)
        if node is not None:
            node.destroy_node()
        try_shutdown()
    return 0


def _spin(node: DavssNode, executor: SingleThreadedExecutor, ended: Future) -> None:
    """Serve callbacks until ``ended`` is done or ROS is shut down, then let the work end too."""
    try:
        while ok() and not ended.done():
            try:
                executor.spin_until_future_complete(ended)
            except ExternalShutdownException:
                break
            except Exception as error:  # of one callback; the others go on
                if ok():  # else it is the end of ROS that it met
                    node.get_logger().error(f'callback failed: {type(error).__name__}: {error}')
    finally:
        node.workers.close()
