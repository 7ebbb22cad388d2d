# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Every example does what it says, on a street of four frames."""

import csv
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

EXAMPLES = Path(__file__).parent.parent / 'examples'
FRAMES = 4


def example(name: str) -> Any:
    return runpy.run_path(str(EXAMPLES / f'{name}.py'))['main']


@pytest.fixture
def folder(tmp_path: Path, street: list[NDArray[np.uint8]]) -> Path:
    path = tmp_path / 'frames'
    path.mkdir()
    for number, frame in enumerate(street[:FRAMES]):
        cv2.imwrite(str(path / f'{number}.png'), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return path


@pytest.fixture
def bag(tmp_path: Path, street: list[NDArray[np.uint8]]) -> Path:
    store, path = get_typestore(Stores.ROS2_JAZZY), tmp_path / 'bag'
    image, header, time = (
        store.types[f'{name}']
        for name in ('sensor_msgs/msg/Image', 'std_msgs/msg/Header', 'builtin_interfaces/msg/Time')
    )
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection('/front', 'sensor_msgs/msg/Image', typestore=store)
        for number, frame in enumerate(street[:FRAMES]):
            height, width = frame.shape[:2]
            stamp = header(stamp=time(sec=100, nanosec=number * 10**8), frame_id='front')
            message = image(stamp, height, width, 'rgb8', 0, 3 * width, frame.ravel())
            writer.write(connection, 100 * 10**9 + number * 10**8, store.serialize_cdr(message, connection.msgtype))
    return path


def test_a_video_file(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / 'overlay.mp4'
    example('video_file')(str(folder), str(out))
    shares = [float(line.split()[-2]) for line in capsys.readouterr().out.splitlines()]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(100, abs=1)
    video = cv2.VideoCapture(str(out))
    assert sum(video.read()[0] for _ in range(FRAMES + 1)) == FRAMES


def test_an_own_network(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example('own_network')(str(folder))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == FRAMES and all(line.startswith('dark 0.') for line in lines)
    assert '; 3 frames from the key frame' in lines[-1]


def test_a_bag(bag: Path, tmp_path: Path) -> None:
    table = tmp_path / 'table.csv'
    example('bag')(str(bag), str(table), '/front')
    rows = list(csv.DictReader(table.open()))
    assert [int(row['stamp']) for row in rows] == [100 * 10**9 + number * 10**8 for number in range(FRAMES)]
    assert [row['key_reason'] for row in rows] == ['first', '', '', '']
    assert all(0 < float(row['mean_confidence']) < 1 and float(row['ms']) > 0 for row in rows)


@pytest.mark.parametrize('name', ['bag', 'own_network', 'video_file'])
def test_used_wrongly_they_say_how(name: str, tmp_path: Path) -> None:
    for arguments, words in (([], f'examples/{name}.py'), (['/nowhere', str(tmp_path / 'out')], '/nowhere: ')):
        given = arguments[:1] if name == 'own_network' else arguments
        command = [sys.executable, str(EXAMPLES / f'{name}.py'), *given]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and words in done.stderr and 'Traceback' not in done.stderr
