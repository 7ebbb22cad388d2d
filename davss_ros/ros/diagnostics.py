# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``/diagnostics`` once a second: one status for the node, one for each camera."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from weakref import WeakKeyDictionary

import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from std_msgs.msg import Header

from davss_ros.core.model import Model
from davss_ros.core.node_config import NodeConfig
from davss_ros.engines.device import describe_device
from davss_ros.ros.camera import Camera
from davss_ros.ros.health import Level, judge
from davss_ros.ros.statistics import Report

PERIOD = 1.0  # s
COMPLAINTS_PERIOD = 10.0  # s between log lines about the same mistake or peer that does not fit


class Watched(Protocol):
    """What the diagnostics look at."""

    thresholds: NodeConfig
    error: str  # why the last transition failed

    @property
    def model(self) -> Model | None:
        """That frames are segmented by; none while unconfigured."""
        ...

    @property
    def engine(self) -> str:
        """What computes it."""
        ...

    @property
    def cameras(self) -> Mapping[str, Camera]:
        """By name; none while unconfigured."""
        ...

    @property
    def state(self) -> str:
        """Of the lifecycle: unconfigured, inactive, active."""
        ...

    def mistakes(self) -> list[str]:
        """Return a line for each mistake in how the node as a whole is wired."""
        ...


class Diagnostics:
    """Publishes the state of the node and its cameras, whatever the lifecycle's state."""

    def __init__(self, node: Node, watched: Watched) -> None:
        self._node, self._watched = node, watched
        self._before: WeakKeyDictionary[Camera, Report] = WeakKeyDictionary()  # a camera made anew counts anew
        self._complaints: dict[str, float] = {}  # when each line was logged, monotonic s
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        node.create_timer(
            PERIOD, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )  # simulated time may stop

    def _publish(self) -> None:
        statuses = [self._node_status(), *map(self._camera_status, self._watched.cameras.values())]
        header = Header(stamp=self._node.get_clock().now().to_msg())
        self._publisher.publish(DiagnosticArray(header=header, status=statuses))

    def _node_status(self) -> DiagnosticStatus:
        model, error, state = self._watched.model, self._watched.error, self._watched.state
        values = {'state': state, 'last error': error}
        if model is not None:
            values |= {'model': model.name, 'checksum': model.checksum, 'classes': str(len(model.classes))}
            values |= {'device': describe_device(model.device), 'engine': self._watched.engine}
            values['memory (MB)'] = f'{memory(model.device) / 1e6:.0f}'
        mistakes = self._watched.mistakes()
        for line in mistakes:
            self._complain(line)
        level = Level.ERROR if error else Level.WARN if mistakes else Level.OK
        return self._status(level, 'node', '; '.join([*mistakes, error or state]), values)

    def _camera_status(self, camera: Camera) -> DiagnosticStatus:
        report = camera.statistics.report()
        before = self._before.get(camera, report)
        self._before[camera] = report
        active = self._watched.state == 'active'
        level, words = judge(report, before, self._watched.thresholds, active=active)
        misfits = camera.incompatible() if active else []
        mistakes = camera.mistakes() if active else []
        for line in mistakes:
            self._complain(line)
        if misfits:
            self._complain(f'incompatible quality of service, no messages pass: {"; ".join(misfits)}')
        if misfits or mistakes:
            level, words = max(level, Level.WARN), '; '.join([*misfits, *mistakes, words])
        name = f'{camera.name} ({camera.topic})' if camera.name else camera.topic
        values = _values(report, before) | {
            'subscribers': json.dumps(camera.outputs.subscribers()),
            'frames without a camera_info of their stamp': str(camera.outputs.calibration.unpaired),
        }
        return self._status(level, name, words, values)

    def _complain(self, line: str) -> None:
        """Log a line, the same one at most every `COMPLAINTS_PERIOD`."""
        now = time.monotonic()
        if now - self._complaints.get(line, float('-inf')) >= COMPLAINTS_PERIOD:
            self._complaints = {line: when for line, when in self._complaints.items() if now - when < COMPLAINTS_PERIOD}
            self._complaints[line] = now
            self._node.get_logger().warning(line)

    def _status(self, level: Level, name: str, message: str, values: Mapping[str, str]) -> DiagnosticStatus:
        model = self._watched.model
        return DiagnosticStatus(
            level=bytes([level]),
            name=f'{self._node.get_fully_qualified_name()}: {name}',
            message=message,
            hardware_id=describe_device(model.device) if model is not None else '',
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )


def _values(report: Report, before: Report) -> dict[str, str]:
    period = max(report.when - before.when, 1e-3)
    keys = sum(report.key_frames.values())
    return {
        'rate in (Hz)': f'{(report.received - before.received) / period:.1f}',
        'rate out (Hz)': f'{(report.published - before.published) / period:.1f}',
        'received': str(report.received),
        'published': str(report.published),
        'waiting': str(report.waiting),
        'not published': json.dumps(report.unfinished),
        'failures in a row': str(report.failures),
        'key frames': str(keys),
        'key frame reasons': json.dumps(report.key_frames),
        'key frame share': f'{keys / max(report.published, 1):.3f}',
        'key frame age (s)': f'{report.key_age:.2f}',
        'key frame distance': str(report.distance),
        'latency (ms)': json.dumps({name: round(value, 1) for name, value in report.latency_ms.items()}),
        'stages (ms)': json.dumps({name: round(value, 2) for name, value in report.stage_ms.items()}),
        'mean distortion': f'{report.mean_distortion:.4f}',
        'silence (s)': f'{report.silence:.1f}',
        'last error': report.last_error,
    }


def memory(device: torch.device) -> int:
    """Return the bytes held on a CUDA device, or by this process where it computes on the CPU."""
    if device.type == 'cuda':
        return torch.cuda.memory_allocated(device)
    try:
        pages = int(Path('/proc/self/statm').read_text().split()[1])
    except OSError:  # not Linux
        return 0
    return pages * os.sysconf('SC_PAGE_SIZE')
