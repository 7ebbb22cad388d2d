"""``/diagnostics`` once a second: what came in, what went out, how long it took, on what."""

import json

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from std_msgs.msg import Header

from davss_ros.core.device import describe_device
from davss_ros.core.model import Model
from davss_ros.ros.camera import Camera
from davss_ros.ros.statistics import Report

PERIOD = 1.0  # s


class Diagnostics:
    """Publishes the state of one camera; WARN while frames are lost, dropped or refused, else OK."""

    def __init__(self, node: Node, camera: Camera, model: Model) -> None:
        self._node, self._camera, self._model = node, camera, model
        self._before: Report | None = None
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        node.create_timer(PERIOD, self._publish)

    def _publish(self) -> None:
        report = self._camera.statistics.report()
        before, self._before = self._before or report, report
        failing = {
            reason: count - before.unfinished.get(reason, 0)
            for reason, count in report.unfinished.items()
            if reason != 'unwatched' and count > before.unfinished.get(reason, 0)
        }
        level = DiagnosticStatus.WARN if failing else DiagnosticStatus.OK
        words = ', '.join(f'{count} {reason}' for reason, count in failing.items())
        status = DiagnosticStatus(
            level=level,
            name=f'{self._node.get_name()}: {self._camera.topic}',
            message=words or f'{(report.published - before.published) / PERIOD:.0f} frames/s',
            hardware_id=describe_device(self._model.device),
            values=[KeyValue(key=key, value=value) for key, value in self._values(report, before).items()],
        )
        self._publisher.publish(
            DiagnosticArray(header=_now(self._node), status=[status]),
        )

    def _values(self, report: Report, before: Report) -> dict[str, str]:
        return {
            'rate in (Hz)': f'{(report.received - before.received) / PERIOD:.1f}',
            'rate out (Hz)': f'{(report.published - before.published) / PERIOD:.1f}',
            'received': str(report.received),
            'published': str(report.published),
            'key frames': str(report.key_frames),
            'not published': json.dumps(report.unfinished),
            'latency (ms)': json.dumps(report.latency_ms),
            'stages (ms)': json.dumps(report.stage_ms),
            'mean distortion': f'{report.mean_distortion:.4f}',
            'device': describe_device(self._model.device),
            'model': self._model.name,
            'last error': report.last_error,
        }


def _now(node: Node) -> Header:
    return Header(stamp=node.get_clock().now().to_msg())
