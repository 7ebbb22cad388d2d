# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``replay`` as a process, heard by plain rclpy."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image


def folder_of(path: Path, count: int) -> Path:
    path.mkdir()
    for number in range(count):
        cv2.imwrite(str(path / f'{number:03}.png'), np.full((48, 64, 3), number, np.uint8))
    return path


def bag_of(path: Path, plugin: StoragePlugin, count: int, stamps: list[int] | None = None, broken: int = -1) -> Path:
    """Write images of rising brightness; ``stamps`` in s, and one message without its pixels."""
    store = get_typestore(Stores.ROS2_JAZZY)
    kind, header, stamp = (
        store.types[f'{name}']
        for name in ('sensor_msgs/msg/Image', 'std_msgs/msg/Header', 'builtin_interfaces/msg/Time')
    )
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        connection = writer.add_connection('/camera', kind.__msgtype__, typestore=store)
        for number in range(count):
            when = stamp(sec=stamps[number], nanosec=0) if stamps else stamp(sec=1000 + number, nanosec=7 * number)
            data = np.full(0 if number == broken else 48 * 64 * 3, number, np.uint8)
            message = kind(header(when, 'front_optical'), 48, 64, 'rgb8', 0, 64 * 3, data)
            writer.write(connection, number * 10**8, store.serialize_cdr(message, kind.__msgtype__))
    return path


def replayed(processes: Any, source: Path, expect: int, *options: str) -> tuple[list[dict[str, Any]], Any]:
    viewer = processes.peer('listen', '--early', '--expect', str(expect), '/image')
    viewer.wait_for('ready')
    replay = processes.start('-m', 'davss_ros', 'replay', str(source), *options)
    assert replay.process.wait(timeout=60) == 0
    assert viewer.process.wait(timeout=60) == 0
    return [line for line in viewer.lines() if 'topic' in line], replay


def test_a_folder_arrives_whole_and_in_order(processes: Any, tmp_path: Path) -> None:
    arrived, replay = replayed(processes, folder_of(tmp_path / 'images', 12), 12, '--rate', '30')
    assert [line['low'] for line in arrived] == list(range(12))
    assert {(line['encoding'], line['frame_id'], *line['size']) for line in arrived} == {('rgb8', 'camera', 48, 64)}
    assert json.loads(replay.out.read_text().splitlines()[-1]) == {'published': 12}
    seconds = [line['stamp'][0] + line['stamp'][1] / 1e9 for line in arrived]
    assert np.allclose(np.diff(seconds), 1 / 30, atol=1e-6)


@pytest.mark.parametrize('plugin', [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
def test_a_bag_keeps_its_stamps_and_frame_ids(processes: Any, tmp_path: Path, plugin: StoragePlugin) -> None:
    bag = bag_of(tmp_path / 'bag', plugin, 5)
    arrived, _ = replayed(processes, bag, 5, '--rate', '20')
    assert [line['stamp'] for line in arrived] == [[1000 + i, 7 * i] for i in range(5)]
    assert {line['frame_id'] for line in arrived} == {'front_optical'}


@pytest.mark.parametrize(('stamps', 'what'), [([0] * 5, 'stand still'), ([9, 10, 7 * 10**8, 3, 1], 'jump ahead by')])
def test_stamps_that_make_no_sense_are_kept_but_not_waited_for(
    processes: Any, tmp_path: Path, stamps: list[int], what: str
) -> None:
    arrived, replay = replayed(processes, bag_of(tmp_path / 'bag', StoragePlugin.MCAP, 5, stamps), 5)
    assert [line['stamp'] for line in arrived] == [[second, 0] for second in stamps]
    assert replay.said().count('paced by the times of reception') == replay.said().count(what) == 1


def test_a_broken_image_is_skipped_and_with_strict_the_end(processes: Any, tmp_path: Path) -> None:
    bag = bag_of(tmp_path / 'bag', StoragePlugin.MCAP, 5, broken=2)
    arrived, replay = replayed(processes, bag, 4, '--rate', '20', '--topic', '/camera')
    assert [line['low'] for line in arrived] == [0, 1, 3, 4]
    assert 'bag: /camera, message 2: skipped: data: expected ' in replay.said()
    strict = processes.start('-m', 'davss_ros', 'replay', str(bag), '--strict', '--subscribers', '0')
    assert strict.process.wait(timeout=60) == 1
    assert 'bag: /camera, message 2: data: expected ' in strict.said()
    assert 'Traceback' not in strict.said()


def test_a_loop_goes_on_in_time(processes: Any, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / 'images', 4)
    arrived, _ = replayed(processes, folder, 10, '--rate', '40', '--loop', '--count', '10')
    assert [line['low'] for line in arrived] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    seconds = [line['stamp'][0] + line['stamp'][1] / 1e9 for line in arrived]
    assert np.allclose(np.diff(seconds), 1 / 40, atol=1e-6)


def test_the_clock_follows_the_stamps(processes: Any, client: Any, tmp_path: Path) -> None:
    bag = bag_of(tmp_path / 'bag', StoragePlugin.MCAP, 4)
    times: list[tuple[int, int]] = []
    client.node.create_subscription(Clock, '/clock', lambda m: times.append((m.clock.sec, m.clock.nanosec)), 10)
    client.node.create_subscription(Image, 'image', lambda m: None, 10)
    replay = processes.start('-m', 'davss_ros', 'replay', str(bag), '--rate', '5', '--clock')
    client.run_until(lambda: len(times) == 4, 90)
    assert times == [(1000 + i, 7 * i) for i in range(4)]
    assert replay.process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        ([], 'no such file or folder'),
        (['--rate', '-5'], 'expected 0 to 1000'),
        (['--rate', 'nan'], 'expected 0 to 1000'),
        (['--count', '-1'], 'expected a whole number'),
        (['--wait', '-1'], 'expected 0 or more, found'),
    ],
)
def test_what_cannot_be_replayed_is_said(processes: Any, options: list[str], complaint: str) -> None:
    replay = processes.start('-m', 'davss_ros', 'replay', '/nowhere', *options)
    assert replay.process.wait(timeout=60) != 0
    assert complaint in replay.said()
    assert 'Traceback' not in replay.said()
