# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A long run: memory stays as it was."""

import gc
from array import array
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from davss_ros.core.groups import ungrouped
from davss_ros.core.model import Model
from davss_ros.ros.outputs import Outputs
from davss_ros.ros.worker import Worker

FRAMES, FIRST, ALLOWED = 20_000, 1000, 20e6
HEIGHT, WIDTH = 24, 32
SUBSCRIBED = ('~/label', '~/label/compressed', '~/distortion', '~/overlay', '~/camera_info')


class Middleware:
    """Makes publishers that send nothing and remember the last message."""

    def __init__(self) -> None:
        self.last: dict[str, Any] = {}

    def create_publisher(self, kind: Any, topic: str, profile: QoSProfile, **options: Any) -> Any:
        return SimpleNamespace(
            publish=lambda message: self.last.update({topic: message}),
            get_subscription_count=lambda: int(topic in SUBSCRIBED),
        )

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        return topic


def resident() -> int:
    gc.collect()
    return int(Path('/proc/self/statm').read_text().split()[1]) * 4096


def test_twenty_thousand_frames_leave_memory_as_the_first_thousand_did(
    tiny_model: Model, camera_of: Callable[..., Any]
) -> None:
    worker, sent = Worker(), Middleware()
    camera = camera_of(tiny_model, worker)
    camera.outputs = Outputs(sent, '', ungrouped(tiny_model.classes), lambda: 0.5)
    camera.outputs.calibration.take(CameraInfo(width=2 * WIDTH, height=2 * HEIGHT))
    worker.assign((camera,), batching=False)
    pictures = [array('B', row.tobytes()) for row in np.random.default_rng(0).integers(0, 256, (7, 2304), np.uint8)]
    before = 0
    for number in range(FRAMES):
        if number == FIRST:
            before = resident()
        message = Image(height=HEIGHT, width=WIDTH, encoding='rgb8', step=3 * WIDTH, data=pictures[number % 7])
        message.header = Header(frame_id='front')
        message.header.stamp.sec, message.header.stamp.nanosec = divmod((number + 1) * 10**8, 10**9)
        camera._receive(message)
        if number % 50 == 49:  # a broken one now and then
            camera._receive(Image(height=HEIGHT, width=WIDTH, encoding='rgb8', step=1))
            camera.statistics.report()
        while camera.waiting:
            worker.serve()
    assert resident() - before < ALLOWED
    report = camera.statistics.report()
    assert (report.published, report.unfinished) == (FRAMES, {'refused': FRAMES // 50})
    assert sum(report.key_frames.values()) == FRAMES // 10  # the default
    assert sent.last.keys() == set(SUBSCRIBED)
    assert sent.last['~/label'].header.stamp.sec == FRAMES // 10
