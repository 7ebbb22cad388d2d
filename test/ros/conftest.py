# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Processes of these tests; each is ended, whatever happens."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from davss_ros.core.classes import load_classes
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.networks.dis import DisFlow

rclpy = pytest.importorskip('rclpy')
PEER = Path(__file__).parent / 'peer.py'
sys.path.append(str(PEER.parent))
import peer  # noqa: E402  # beside this file

SMALL = 'working_height:=120'  # so that a test need not wait for networks at full size; a later setting goes before it


class Running:
    """A process with its output in files, so that no pipe fills up."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.out, self.err = folder / 'out', folder / 'err'
        with self.out.open('wb') as out, self.err.open('wb') as err:
            self.process = subprocess.Popen([sys.executable, *command], stdout=out, stderr=err)

    def lines(self) -> list[dict[str, Any]]:
        """What it printed, as JSON."""
        return [json.loads(line) for line in self.out.read_text().splitlines() if line.startswith('{')]

    def said(self) -> str:
        """What it logged."""
        return self.err.read_text() + self.out.read_text()

    def wait_for(self, text: str, seconds: float = 120) -> None:
        """Wait until it says ``text``."""
        until = time.monotonic() + seconds
        while text not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < until, f'no {text!r} in: {self.said()}'
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """End it, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class Processes:
    """Starts processes and ends them."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._all = folder, list[Running]()

    def start(self, *command: str) -> Running:
        """Start Python with these arguments."""
        folder = self._folder / str(len(self._all))
        folder.mkdir()
        self._all.append(Running(list(command), folder))
        return self._all[-1]

    def starting(self, *parameters: str) -> Running:
        """Start our node, small unless told otherwise."""
        words = (word for parameter in (SMALL, *parameters) for word in ('-p', parameter))
        return self.start('-m', 'davss_ros', 'davss_node', '--ros-args', *words)

    def node(self, *parameters: str) -> Running:
        """Start our node and wait until it serves."""
        node = self.starting(*parameters)
        node.wait_for('active: ')
        return node

    def peer(self, *arguments: str) -> Running:
        """Start a plain rclpy peer."""
        return self.start(str(PEER), *arguments)

    def end(self) -> None:
        """End all that still run."""
        for running in self._all:
            if running.process.poll() is None:
                running.process.kill()
                running.process.wait()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Processes in this run's own DDS domain."""
    starting = Processes(tmp_path)
    yield starting
    starting.end()


class Client:
    """A plain node in this process, with a context of its own."""

    def __init__(self) -> None:
        self._context = rclpy.Context()
        self._context.init()
        self.node = rclpy.create_node('client', context=self._context)
        self._executor = rclpy.executors.SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._connected: Callable[[str], bool] | None = None

    def run_until(self, done: Callable[[], bool], seconds: float = 30.0) -> None:
        """Serve callbacks until ``done``, or for that long."""
        until = time.monotonic() + seconds
        while not done() and time.monotonic() < until:
            self._executor.spin_once(timeout_sec=0.1)

    def connect(self, *topics: str, camera: Any = None) -> None:
        """Wait until the node's writers know all readers of its ``topics``, and our publisher ``camera`` a reader.

        Only from then on does everything that is sent arrive.
        """
        connected = self._connected = self._connected or peer.connections(self.node)

        def done() -> bool:
            return all(map(connected, topics)) and (camera is None or camera.get_subscription_count() > 0)

        self.run_until(done, 120)
        assert done(), f'the node does not know the readers of {topics}, or we not its'

    def call(self, kind: type[Any], service: str, request: object, seconds: float = 120) -> Any:
        """Call a service and return its answer; loading a model on a busy machine takes its time."""
        asking = self.node.create_client(kind, service)
        assert asking.wait_for_service(timeout_sec=60), f'{service} is not there'
        self.run_until(lambda: False, 0.2)  # the service is found before its side knows whom to answer
        future = asking.call_async(request)
        self.run_until(future.done, seconds)
        assert future.done(), f'{service} did not answer'
        return future.result()

    def end(self) -> None:
        """Take the node down."""
        self.node.destroy_node()
        self._context.try_shutdown()


@pytest.fixture
def client() -> Iterator[Client]:
    """A plain node in this process."""
    plain = Client()
    yield plain
    plain.end()


@pytest.fixture(scope='module')
def module_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Processes that all tests of a file share, to save starts."""
    starting = Processes(tmp_path_factory.mktemp('shared'))
    yield starting
    starting.end()


@pytest.fixture(scope='module')
def module_client() -> Iterator[Client]:
    """A plain node that all tests of a file share."""
    plain = Client()
    yield plain
    plain.end()


def _shades(image: Tensor) -> Tensor:
    """Scores (N, 11, h, w) whose best class is the shade of red, in elevenths."""
    shade = functional.avg_pool2d(image, 4)[:, :1]
    return -(shade * 11 - torch.arange(11).view(1, -1, 1, 1) - 0.5).abs()


@pytest.fixture
def tiny_model() -> Model:
    """The whole method with networks of no weight: labels are shades of red, nothing is ever a cut."""
    return Model(
        key=_shades,
        flow=DisFlow(),
        distortion=lambda propagated, image: (propagated.image - image).abs().mean(1, keepdim=True).clamp(max=0.3),
        correction=lambda image, propagated: _shades(image),
        classes=load_classes('camvid11'),
        propagation='composed',
        correction_gain=1.0,
        align_corners=False,
        device=torch.device('cpu'),
        precision=torch.float32,
        name='tiny',
    )


class StandInNode:
    """As much of a node as a camera needs before it listens."""

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {}
        self.logged: list[str] = []
        self.context = SimpleNamespace(ok=lambda: True)

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        return f'/{topic}'

    def has_parameter(self, name: str) -> bool:
        return name in self.parameters

    def declare_parameter(self, name: str, value: Any) -> None:
        self.parameters[name] = value

    def get_parameter(self, name: str) -> Any:
        return SimpleNamespace(value=self.parameters[name])

    def get_logger(self) -> Any:
        return SimpleNamespace(error=self.logged.append, info=self.logged.append)


class StandInOutputs:
    """Keeps what would be published: (image, result, header)."""

    def __init__(self) -> None:
        from davss_ros.ros.calibration import Calibration

        self.published: list[tuple[Any, Any, Any]] = []
        self.subscribed = True
        self.calibration = Calibration(SimpleNamespace(get_subscription_count=lambda: 0), self.published.append)

    def watched(self) -> bool:
        return self.subscribed

    def publish(self, *outputs: Any) -> None:
        self.published.append(outputs)


@pytest.fixture
def camera_of() -> Callable[..., Any]:
    """Make a camera that hears nothing but what is given to its ``_receive``: ``camera_of(model, worker, name)``."""
    from davss_ros.core.node_config import NodeConfig
    from davss_ros.core.parameters import CameraConfig
    from davss_ros.ros.camera import Camera

    def make(model: Any, worker: Any, name: str = '', *, node: NodeConfig | None = None, **settings: Any) -> Camera:
        config = CameraConfig(SegmenterConfig(device='cpu', **settings), node or NodeConfig(policy='every_frame'))
        segmenter = VideoSegmenter(config.segmenter, model=model)
        return Camera(StandInNode(), name, config, segmenter, StandInOutputs(), worker.changed)

    return make


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Start our node in this process, active, with a model of the test's own: ``running(model, name=value, ...)``.

    Words as on a command line go into ``cli_args``.
    """
    from rclpy.parameter import Parameter

    from davss_ros.ros.node import DavssNode

    context = rclpy.Context()
    context.init()
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    threads: list[Thread] = []
    nodes: list[DavssNode] = []

    def start(model: Any, *, cli_args: list[str] | None = None, **values: Any) -> DavssNode:
        monkeypatch.setattr('davss_ros.ros.cameras.load_model', lambda config: model)
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        node = DavssNode(context=context, parameter_overrides=overrides, cli_args=cli_args)
        nodes.append(node)
        node.start()
        assert node.state == 'active', node.error
        executor.add_node(node)
        for work in (executor.spin, node.workers.work):
            threads.append(Thread(target=work))
            threads[-1].start()
        return node

    yield start
    executor.shutdown()
    for node in nodes:
        node.workers.close()
    for thread in threads:
        thread.join(timeout=20)
    for node in nodes:
        node.destroy_node()
    context.try_shutdown()
