# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""`DavssNode`: a managed node (lifecycle) with parameters and services; all work is done by the library.

configure   load and warm the model, make the cameras, publish the names of the classes
activate    listen to the cameras
deactivate  listen no longer; the model stays
cleanup     free everything
"""

import gc
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from rcl_interfaces.msg import ListParametersResult, SetParametersResult
from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger

from davss_ros.core.key_frames import class_ids
from davss_ros.core.model import Model
from davss_ros.core.node_config import NodeConfig
from davss_ros.core.parameters import Settings, check, is_fixed
from davss_ros.engines.allocator import return_freed_memory
from davss_ros.errors import ConfigError, DavssError
from davss_ros.ros import parameters, wiring
from davss_ros.ros.camera import Camera
from davss_ros.ros.cameras import Cameras
from davss_ros.ros.diagnostics import Diagnostics
from davss_ros.ros.label_names import LabelNames
from davss_ros.ros.log import forward_log
from davss_ros.ros.transitions import answer_all_transitions
from davss_ros.ros.workers import Workers


class DavssNode(LifecycleNode):
    """Labels every pixel of one or several camera topics.

    Raises:
        ConfigError: ``cameras`` is wrong; all other settings are looked at when the node is configured.
        rclpy.exceptions.ParameterException: a parameter is of the wrong type or out of range.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__('davss', enable_logger_service=True, **options)
        self._log = forward_log(self.get_logger())
        answer_all_transitions(self)
        try:
            parameters.declare(self)
        except Exception:
            self.destroy_node()  # half a node that is left to the interpreter's end may hold that up
            raise
        self.workers = Workers()
        self._cameras = Cameras(self, self.workers)
        self.error = ''
        self.misdirected: list[str] = []  # parameter files for other nodes, as whoever started this one found them
        self.thresholds = NodeConfig()
        self._configured = False
        self._names: LabelNames | None = None
        self.add_on_set_parameters_callback(self._check_parameters)
        self.add_post_set_parameters_callback(self._take_parameters)
        self.create_service(Trigger, '~/reset', self._reset)
        self.create_service(SetBool, '~/enable', self._enable)
        # not forwards: a slow clock ticks in jumps, and a gap shows in the stamps
        threshold = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True)
        self._jumps = self.get_clock().create_jump_callback(threshold, post_callback=self._clock_jumped)
        Diagnostics(self, self)

    @property
    def cameras(self) -> Mapping[str, Camera]:
        """By name; none while unconfigured."""
        return self._cameras.by_name

    @property
    def model(self) -> Model | None:
        """Of the first worker; those of others differ at most in the engine. None while unconfigured."""
        return self._cameras.models[0] if self._cameras.models else None

    @property
    def engine(self) -> str:
        """What computes the networks, in words; where it is not the same for all workers, of each."""
        return ' | '.join(dict.fromkeys(model.engine for model in self._cameras.models))

    @property
    def state(self) -> str:
        """Of the lifecycle: unconfigured, inactive, active, or a transition's; rclpy tells it by service only."""
        return str(self._state_machine.current_state[1])

    def mistakes(self) -> list[str]:
        """Return a line for each mistake in how the node as a whole is wired, see `davss_ros.ros.wiring`."""
        declared = super().list_parameters([], 0).names
        # rclpy tells what it was started with nowhere else
        overrides = [
            name for name in self._parameter_overrides if self._configured or not name.startswith('qos_overrides.')
        ]
        own = self.get_fully_qualified_name()
        return [
            *self.misdirected,
            *wiring.undeclared(overrides, declared),
            *wiring.same_name(own, self.get_node_names_and_namespaces()),
        ]

    def list_parameters(self, prefixes: list[str], depth: int) -> ListParametersResult:
        """List the parameters that have a value; those of single cameras need not, and would spoil a dump."""
        result = super().list_parameters(prefixes, depth)
        result.names = [name for name in result.names if self.get_parameter(name).type_ != Parameter.Type.NOT_SET]
        return result

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Set parameters together; those that have that value already, fixed or not, are as good as set.

        Every parameter service comes through here, so what ``ros2 param dump`` wrote can be loaded again.
        """
        changed = [
            parameter
            for parameter in parameter_list
            if not self.has_parameter(parameter.name) or self.get_parameter(parameter.name).value != parameter.value
        ]
        if parameter_list and not changed:
            return SetParametersResult(successful=True)
        return super().set_parameters_atomically(changed)

    def destroy_node(self) -> None:
        """Take the node down, with the services of the lifecycle, which rclpy leaves standing in the graph."""
        self._log.close()
        super().destroy_node()
        self._state_machine.destroy_when_not_in_use()

    def start(self) -> None:
        """Configure and activate, unless ``autostart`` is false."""
        if self.get_parameter('autostart').value and self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and make the cameras; on failure say why, once, and stay unconfigured."""
        try:
            self._configure()
        except Exception as error:  # DavssError mostly; but whatever it is, a repair and a retry must be possible
            failure = self._fail('not configured', error)  # first, as what a broken device throws below may hide it
            self._tear_down()
            return failure
        self.error = ''
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Listen; on failure, such as a quality of service that cannot be had, say why and stay inactive."""
        try:
            for camera in self.cameras.values():
                camera.activate()
        except Exception as error:
            for camera in self.cameras.values():
                camera.deactivate()
            return self._fail('not activated', error)
        self.error = ''
        self.get_logger().info(f'active: {", ".join(camera.topic for camera in self.cameras.values())}')
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Listen no longer; nothing is published once this returns."""
        with self.workers.paused():
            for camera in self.cameras.values():
                camera.deactivate()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model."""
        self._tear_down()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model, for good."""
        self._tear_down()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured, whence a retry is possible; rclpy says nothing of what a transition threw."""
        self.error = self.error or 'a transition failed'
        self.get_logger().error(f'{self.error}; taken down')
        self._tear_down()
        return TransitionCallbackReturn.SUCCESS

    def _fail(self, what: str, error: Exception) -> TransitionCallbackReturn:
        self.error = str(error) if isinstance(error, DavssError) else f'{type(error).__name__}: {error}'
        self.get_logger().error(f'{what}: {self.error}')
        return TransitionCallbackReturn.FAILURE

    def _configure(self) -> None:
        settings = parameters.read(self)
        self.thresholds = settings.node
        labels = self._cameras.make(settings, lambda: self.thresholds.overlay_opacity)
        model = self._cameras.models[0]
        if not model.calibrated:
            self.get_logger().info('~/confidence is not calibrated for these weights: python -m davss_ros calibrate')
        self._names = LabelNames(self, labels.classes)
        self._configured = True
        return_freed_memory()  # that engines took to compile
        self.get_logger().info(
            f'{model.name} ({model.checksum}) by {model.engine}, {len(model.classes)} classes, '
            f'{self._cameras}, key frame every {settings.segmenter.key_interval} frames'
        )

    def _tear_down(self) -> None:
        self._configured = False
        self._cameras.destroy()
        if self._names is not None:
            self._names.destroy()
            self._names = None
        gc.collect()  # cameras and their callbacks know each other
        return_freed_memory()
        if torch.cuda.is_available():
            with suppress(RuntimeError):  # of a device that is broken for good; the next attempt says so
                torch.cuda.empty_cache()

    def _check_parameters(self, changed: Sequence[Parameter]) -> SetParametersResult:
        """Refuse what is out of range, does not go together, or is fixed while the node is configured."""
        values = {parameter.name: parameter.value for parameter in changed}
        try:
            for name, value in values.items():
                check(name, value)
                if self._configured and is_fixed(name) and self.has_parameter(name):
                    raise ConfigError(
                        f'{name}: read when the node is configured; '
                        f'`ros2 lifecycle set {self.get_fully_qualified_name()} deactivate` '
                        'and `cleanup`, set it, then `configure` and `activate`'
                    )
            if self._configured:
                self._check_classes(parameters.read(self, values))
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _check_classes(self, settings: Settings) -> None:
        assert self.model is not None  # while configured there is one
        for camera in settings.cameras.values():
            class_ids(camera.segmenter, self.model.classes, self.model.device)

    def _take_parameters(self, changed: Sequence[Parameter]) -> None:
        """Apply what `_check_parameters` let pass, between two frames."""
        if not self._configured:
            return
        settings = parameters.read(self)
        with self.workers.paused():
            self.thresholds = settings.node
            for name, camera in self.cameras.items():
                camera.configure(settings.cameras[name])

    def _reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        for camera in self.cameras.values():
            camera.force_key('reset')
        response.success = self.state == 'active'
        response.message = 'the next frame is a key frame' if response.success else f'the node is {self.state}'
        return response

    def _enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        with self.workers.paused():  # once disabled, nothing more is published
            for camera in self.cameras.values():
                camera.enable(request.data)
        response.success = bool(self.cameras)
        words = 'enabled' if request.data else 'disabled'
        response.message = words if response.success else f'the node is {self.state}'
        return response

    def _clock_jumped(self, jump: TimeJump) -> None:
        for camera in self.cameras.values():
            camera.force_key('clock')
