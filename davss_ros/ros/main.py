"""``davss_node``: the node's process. Callbacks in one thread, the networks in the main one."""

import signal
from collections.abc import Sequence
from threading import Thread

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.utilities import ok, try_shutdown

from davss_ros.engines.allocator import keep_freed_memory
from davss_ros.errors import DavssError
from davss_ros.ros.node import DavssNode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until Ctrl-C or SIGTERM; return the exit status."""
    keep_freed_memory()
    node: DavssNode | None = None
    callbacks: Thread | None = None
    try:
        rclpy.init(args=None if arguments is None else ['davss_node', *arguments])
        node = DavssNode()
        node.start()  # in this thread, where the model is warmed for the one that uses it
        callbacks = Thread(target=_spin, args=(node,), name='davss_callbacks')
        callbacks.start()
        node.worker.work()  # here, in the main thread: see `davss_ros.ros.worker`
    except (DavssError, ParameterException) as error:
        get_logger('davss').fatal(str(error))
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # ros2 launch and the terminal each send one; one is enough
        if callbacks is not None and callbacks.is_alive():
            callbacks.join(timeout=10.0)  # ended by rclpy's signal handler, which a shutdown here would race with
        if node is not None:
            node.destroy_node()
        try_shutdown()
    return 0


def _spin(node: DavssNode) -> None:
    """Serve callbacks until ROS shuts down, then let the work end too."""
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while ok():
            try:
                executor.spin()
            except (KeyboardInterrupt, ExternalShutdownException):
                break
            except Exception as error:  # of one callback, such as an impossible transition; the others go on
                if ok():  # else it is the end of ROS that met it
                    node.get_logger().error(f'callback failed: {type(error).__name__}: {error}')
    finally:
        node.worker.close()
