"""Processes of these tests; each is ended, whatever happens."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip('rclpy')
PEER = Path(__file__).parent / 'peer.py'


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

    def wait_for(self, text: str, seconds: float = 60) -> None:
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
            return self.process.wait(timeout=20)
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

    def node(self, *parameters: str) -> Running:
        """Start our node and wait until it serves."""
        node = self.start(
            '-m', 'davss_ros', 'davss_node', '--ros-args', *(word for p in parameters for word in ('-p', p))
        )
        node.wait_for('key frame every')
        return node

    def peer(self, *arguments: str) -> Running:
        """Start a plain rclpy peer."""
        return self.start(str(PEER), *arguments)

    def end(self) -> None:
        """End all that still run."""
        for one in self._all:
            if one.process.poll() is None:
                one.process.kill()
                one.process.wait()


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

    def run_until(self, done: Callable[[], bool], seconds: float = 30.0) -> None:
        """Serve callbacks until ``done``, or for that long."""
        until = time.monotonic() + seconds
        while not done() and time.monotonic() < until:
            self._executor.spin_once(timeout_sec=0.1)

    def call(self, kind: type[Any], service: str, request: object) -> Any:
        """Call a service and return its answer."""
        asking = self.node.create_client(kind, service)
        assert asking.wait_for_service(timeout_sec=20), f'{service} is not there'
        future = asking.call_async(request)
        self.run_until(future.done)
        assert future.done(), f'{service} did not answer'
        return future.result()

    def end(self) -> None:
        """Take the node down."""
        self.node.destroy_node()
        self._context.try_shutdown()


@pytest.fixture
def client() -> Iterator[Client]:
    """A plain node in this process."""
    one = Client()
    yield one
    one.end()
