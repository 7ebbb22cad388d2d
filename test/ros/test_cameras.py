# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Several cameras in one node: no cross-talk, counts that add up, one model."""

import os
import time
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import rclpy
import torch
from diagnostic_msgs.msg import DiagnosticArray
from peer import picture  # beside this file
from rclpy.parameter import Parameter

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import load_model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.ros.node import DavssNode

CAMERAS = ('front', 'left', 'right', 'rear')
INTERVAL, RATE = 8, 2
SECONDS = int(os.environ.get('DAVSS_LOAD_SECONDS', '20'))  # real ones: cameras do not wait for each other
FRAMES = RATE * SECONDS
HEIGHT, WIDTH = 360, 480


def alone(tint: int, phase: int, model: Any) -> list[int]:
    """Digests of the labels of a camera replayed alone with the same key frames."""
    config = SegmenterConfig(device='cpu', key_interval=INTERVAL)
    video = VideoSegmenter(config, model=model, key_phase=phase)
    frames = (np.ascontiguousarray(picture(number, HEIGHT, WIDTH, tint)) for number in range(FRAMES))
    return [zlib.crc32(video.step(frame).labels.tobytes()) for frame in frames]


def test_four_cameras_for_a_while(processes: Any, client: Any) -> None:
    topics = [f'/davss/{camera}/label' for camera in CAMERAS]
    processes.node(
        f'cameras:=[{", ".join(CAMERAS)}]',
        f'key_interval:={INTERVAL}',
        'working_height:=360',
        'policy:=every_frame',
        'queue_length:=1000',
        *(f'qos_overrides.{topic}.publisher.depth:={FRAMES}' for topic in topics),  # a slow viewer misses nothing
    )
    report: dict[str, dict[str, str]] = {}

    def note(message: DiagnosticArray) -> None:
        for status in message.status:
            report[status.name.split(' ')[1]] = {pair.key: pair.value for pair in status.values}

    client.node.create_subscription(DiagnosticArray, '/diagnostics', note, 10)
    viewer = processes.peer('listen', '--expect', str(FRAMES), '--seconds', str(10 * SECONDS), *topics)
    viewer.wait_for('ready')
    form = ['--count', str(FRAMES), '--rate', str(RATE), '--width', str(WIDTH), '--height', str(HEIGHT)]
    start = time.monotonic()
    players = [
        processes.peer('publish', *form, '--topic', f'{camera}/image', '--tint', str(20 * number))
        for number, camera in enumerate(CAMERAS)
    ]
    model = load_model(SegmenterConfig(device='cpu'))
    expected = {
        camera: alone(20 * number, number * INTERVAL // len(CAMERAS), model) for number, camera in enumerate(CAMERAS)
    }
    assert all(player.process.wait(timeout=4 * SECONDS) == 0 for player in players)
    assert time.monotonic() - start >= SECONDS

    def served(camera: str) -> bool:
        return report.get(camera, {}).get('received') == str(FRAMES) and report[camera]['waiting'] == '0'

    client.run_until(lambda: all(map(served, CAMERAS)), 4 * SECONDS)
    for camera in CAMERAS:
        counts = {name: report[camera][name] for name in ('received', 'published', 'waiting', 'not published')}
        whole = {'received': str(FRAMES), 'published': str(FRAMES), 'waiting': '0', 'not published': '{}'}
        assert counts == whole, (camera, report[camera])
    assert viewer.process.wait(timeout=60) == 0
    arrived = [line for line in viewer.lines() if 'topic' in line]
    for camera, topic in zip(CAMERAS, topics, strict=True):
        lines = {line['number']: line['digest'] for line in arrived if line['topic'] == topic}
        assert lines == dict(enumerate(expected[camera])), camera
    assert len({tuple(digests) for digests in expected.values()}) == len(CAMERAS)


@pytest.mark.parametrize(
    ('batching', 'device', 'faster', 'cameras', 'expected'),
    [
        ('always', 'cpu', False, 2, True),
        ('never', 'cuda', True, 2, False),
        ('auto', 'cuda', True, 2, True),
        ('auto', 'cuda', False, 2, False),  # measured, and slower
        ('auto', 'cpu', True, 2, False),
        ('always', 'cpu', True, 1, False),
    ],
)
def test_batches_are_made_when_they_are_faster(
    monkeypatch: pytest.MonkeyPatch,
    tiny_model: Any,
    batching: str,
    device: str,
    faster: bool,
    cameras: int,
    expected: bool,
) -> None:
    asked: list[int] = []
    warmed: list[int] = []
    model = replace(tiny_model, device=torch.device(device))
    monkeypatch.setattr('davss_ros.ros.cameras.load_model', lambda config: model)
    monkeypatch.setattr('davss_ros.ros.diagnostics.describe_device', str)
    monkeypatch.setattr('davss_ros.ros.cameras.VideoSegmenter.warm_up', lambda self, size, count: warmed.append(count))
    monkeypatch.setattr('davss_ros.ros.cameras.faster_together', lambda _, __, count: asked.append(count) or faster)
    context = rclpy.Context()
    context.init()
    settings = {'cameras': list(CAMERAS[:cameras]), 'batching': batching}
    node = DavssNode(context=context, parameter_overrides=[Parameter(n, value=v) for n, v in settings.items()])
    try:
        node.trigger_configure()
        assert node.state == 'inactive', node.error
        assert node._cameras.batching == expected
        assert set(warmed) == {cameras if batching == 'always' else 1}
        assert asked == ([cameras] if (batching, device) == ('auto', 'cuda') else [])
    finally:
        node.destroy_node()
        context.try_shutdown()


def test_cameras_share_one_model_and_have_settings_of_their_own() -> None:
    context = rclpy.Context()
    context.init()
    overrides = [
        Parameter('cameras', value=['front', 'left']),
        Parameter('key_interval', value=6),
        Parameter('left.key_interval', value=3),
        Parameter('left.image_transport', value='compressed'),
    ]
    node = DavssNode(context=context, parameter_overrides=overrides)
    try:
        node.start()
        front, left = node.cameras['front'], node.cameras['left']
        assert front.segmenter.model is left.segmenter.model is node.model
        assert (front.topic, left.topic) == ('/front/image', '/left/image/compressed')
        published = {name for name, _ in node.get_publisher_names_and_types_by_node('davss', '/')}
        assert {'/davss/front/label', '/davss/left/label/compressed', '/davss/left/camera_info'} <= published
        assert '/davss/label' not in published

        def intervals() -> tuple[int, int]:
            return front.segmenter.config.key_interval, left.segmenter.config.key_interval

        assert intervals() == (6, 3)
        assert node.set_parameters([Parameter('key_interval', value=9)])[0].successful
        assert intervals() == (9, 3)
        assert node.set_parameters([Parameter('left.key_interval', value=4)])[0].successful
        assert intervals() == (9, 4)
        refused = node.set_parameters([Parameter('left.image_transport', value='raw')])[0]
        assert not refused.successful and 'left.image_transport: read when' in refused.reason
        assert not node.set_parameters([Parameter('front.policy', value='random')])[0].successful
    finally:
        node.destroy_node()
        context.try_shutdown()
