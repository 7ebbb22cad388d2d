"""`DavssNode`: parameters, one camera, diagnostics; all work is done by the library."""

import signal
from collections.abc import Sequence
from threading import Thread
from typing import Any

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.utilities import try_shutdown

from davss_ros.allocator import keep_freed_memory
from davss_ros.core.device import describe_device
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.core.visualize import Painter
from davss_ros.errors import ConfigError, DavssError
from davss_ros.ros import parameters
from davss_ros.ros.camera import Camera
from davss_ros.ros.diagnostics import Diagnostics
from davss_ros.ros.outputs import Outputs


class DavssNode(Node):
    """Labels every pixel of a camera topic.

    Raises:
        ConfigError, WeightsError: a parameter does not fit the machine or the weights.
        rclpy.exceptions.ParameterException: a parameter is of the wrong type or out of range.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__('davss', **options)
        parameters.declare(self)
        config, own = parameters.read(self)
        self._opacity = own.overlay_opacity
        self._segmenter = VideoSegmenter(config)
        self._segmenter.warm_up()
        model = self._segmenter.model
        outputs = Outputs(self, Painter(model.classes), lambda: self._opacity)
        self.camera = Camera(self, own, self._segmenter, outputs)
        Diagnostics(self, self.camera, model)
        self.add_on_set_parameters_callback(self._set_parameters)
        self.get_logger().info(
            f'{self.camera.topic}: {model.name} on {describe_device(model.device)}, '
            f'{len(model.classes)} classes, key frame every {config.key_interval} frames'
        )

    def _set_parameters(self, changed: Sequence[Parameter]) -> SetParametersResult:
        """Check all of ``changed``, then take them over."""
        ours = [p for p in changed if p.name in parameters.CHANGEABLE]
        try:
            for parameter in ours:
                parameters.check(parameter.name, parameter.value)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        for parameter in ours:
            if parameter.name == 'key_interval':
                self._segmenter.key_interval = parameter.value
            elif parameter.name == 'overlay_opacity':
                self._opacity = parameter.value
        return SetParametersResult(successful=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until Ctrl-C or SIGTERM; return the exit status."""
    keep_freed_memory()
    node: DavssNode | None = None
    callbacks: Thread | None = None
    try:
        rclpy.init(args=None if arguments is None else ['davss_node', *arguments])
        node = DavssNode()
        callbacks = Thread(target=_spin, args=(node,), name='davss_callbacks')
        callbacks.start()
        node.camera.work()  # here, in the main thread: see `davss_ros.ros.camera`
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
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.camera.close()
