# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The demo on a short folder of images: three processes over DDS."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore


def test_files_are_left_and_counts_add_up(processes: Any, street: list[NDArray[np.uint8]], tmp_path: Path) -> None:
    images, out = tmp_path / 'images', tmp_path / 'out'
    images.mkdir()
    for number in range(24):
        cv2.imwrite(str(images / f'{number:02}.png'), street[number % len(street)])
    words = ['--video', str(images), '--out', str(out), '--rate', '8', '--param', 'policy:=every_frame']
    demo = processes.start('-m', 'davss_ros', 'demo', *words)
    assert demo.process.wait(timeout=180) == 0, demo.said()
    summary = json.loads((out / 'summary.json').read_text())
    assert json.loads(demo.out.read_text()) == summary
    assert summary['frames_sent'] == 24
    assert summary['frames_sent'] == summary['frames_out'] + summary['dropped']
    assert summary['dropped'] == sum(summary['dropped_by_reason'].values())
    assert 12 <= summary['frames_out'] <= summary['frames_in'] == 24
    assert 1 <= summary['key_frames'] <= summary['frames_out']
    latency = summary['latency_ms']
    assert 0 < latency['p50'] <= latency['p95'] <= latency['p99']
    assert {'key', 'flow', 'correction', 'total'} <= summary['stage_ms'].keys()
    assert 0 < summary['mean_distortion'] < 1
    assert (summary['model'], summary['device'][:3]) == ('camvid_lite', 'cpu')
    video = cv2.VideoCapture(str(out / 'overlay.mp4'))
    shown = 0
    while video.read()[0]:
        shown += 1
    assert shown == summary['frames_out']
    sheet = cv2.imread(str(out / 'contact_sheet.png'))
    assert sheet is not None and sheet.shape[1] == 1440


def test_panels_belong_together_where_all_stamps_are_equal(processes: Any, tmp_path: Path) -> None:
    store = get_typestore(Stores.ROS2_JAZZY)
    kind, header, stamp = (
        store.types[name] for name in ('sensor_msgs/msg/Image', 'std_msgs/msg/Header', 'builtin_interfaces/msg/Time')
    )
    bag, out, count = tmp_path / 'bag', tmp_path / 'out', 8
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        writer.add_connection('/empty', kind.__msgtype__, typestore=store)
        connections = [
            writer.add_connection(f'/{name}', kind.__msgtype__, typestore=store) for name in ('left', 'right')
        ]
        for number in range(count):
            for connection, shade in zip(connections, (20 + 25 * number, 0), strict=True):
                data = np.full(120 * 160 * 3, shade, np.uint8)
                message = kind(header(stamp(0, 0), 'camera'), 120, 160, 'rgb8', 0, 160 * 3, data)
                writer.write(connection, number * 2 * 10**8, store.serialize_cdr(message, kind.__msgtype__))
    words = ['--video', str(bag), '--topic', '/left', '--out', str(out)]
    for parameter in ('policy:=every_frame', 'overlay_opacity:=0.0', 'working_height:=120'):
        words += ['--param', parameter]  # without label colours the overlay is the image
    demo = processes.start('-m', 'davss_ros', 'demo', *words)
    assert demo.process.wait(timeout=180) == 0, demo.said()
    video, shades = cv2.VideoCapture(str(out / 'overlay.mp4')), []
    while (row := video.read()[1]) is not None:
        camera, overlay, _ = (float(part.mean()) for part in np.hsplit(row, 3))
        assert abs(camera - overlay) < 8  # shades are 25 apart; mp4 is lossy
        shades.append(camera)
    assert np.allclose(shades, 20 + 25 * np.arange(count), atol=8)


def test_one_frame_leaves_all_files(processes: Any, street: list[NDArray[np.uint8]], tmp_path: Path) -> None:
    images, out = tmp_path / 'images', tmp_path / 'out'
    images.mkdir()
    cv2.imwrite(str(images / '0.png'), street[0])
    words = ['--video', str(images), '--out', str(out), '--param', 'working_height:=120']
    demo = processes.start('-m', 'davss_ros', 'demo', *words)
    assert demo.process.wait(timeout=180) == 0, demo.said()
    assert {path.name for path in out.iterdir()} == {'overlay.mp4', 'contact_sheet.png', 'summary.json'}
    assert json.loads((out / 'summary.json').read_text())['frames_out'] == 1


@pytest.mark.parametrize('signals', [1, 3])
def test_an_interrupted_demo_ends_in_one_line(
    processes: Any, street: list[NDArray[np.uint8]], tmp_path: Path, signals: int
) -> None:
    cv2.imwrite(str(tmp_path / '0.png'), street[0])
    demo = processes.start('-m', 'davss_ros', 'demo', '--video', str(tmp_path), '--out', str(tmp_path / 'out'))
    demo.wait_for('active: ')
    for _ in range(signals):
        demo.process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    assert demo.process.wait(timeout=60) == 130
    assert 'demo: interrupted' in demo.said() and 'Traceback' not in demo.said()


@pytest.mark.parametrize(
    ('words', 'complaint'),
    [
        (['--rate', '-5'], 'expected 0 to 1000, found -5'),
        (['--out', '{file}'], 'expected a folder or a new name, found a file'),
        (['--topic', '/x'], 'expected a bag, since a topic (/x) was asked for'),
    ],
)
def test_wrong_words_are_said_before_any_work(processes: Any, tmp_path: Path, words: list[str], complaint: str) -> None:
    cv2.imwrite(str(tmp_path / '0.png'), np.zeros((32, 32, 3), np.uint8))
    words = [word.format(file=tmp_path / '0.png') for word in words]
    demo = processes.start('-m', 'davss_ros', 'demo', '--video', str(tmp_path), '--out', str(tmp_path / 'out'), *words)
    assert demo.process.wait(timeout=60) != 0
    assert complaint in demo.said() and 'Traceback' not in demo.said() and 'davss]' not in demo.said()


def test_what_is_no_video_is_said(processes: Any, tmp_path: Path) -> None:
    demo = processes.start('-m', 'davss_ros', 'demo', '--video', str(tmp_path / 'nothing'), '--out', str(tmp_path))
    assert demo.process.wait(timeout=60) == 1
    assert 'no such file or folder' in demo.said()
    assert 'Traceback' not in demo.said()
