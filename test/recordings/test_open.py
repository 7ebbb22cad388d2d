# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from davss_ros.errors import ConfigError, DataError
from davss_ros.recordings.folder import FolderSource
from davss_ros.recordings.frame import FOLDER_RATE
from davss_ros.recordings.open import open_source
from davss_ros.recordings.video import VideoSource

COLORS = [(200, 40, 40), (40, 180, 40), (40, 40, 190), (120, 120, 120), (220, 220, 60)]  # RGB, a flat frame each


def write_video(path: Path, fps: float) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), fps, (64, 48))
    assert writer.isOpened()
    for color in COLORS:
        writer.write(np.full((48, 64, 3), color[::-1], np.uint8))
    writer.release()
    return path


def write_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number in (3, 0, 4, 2, 1):
        assert cv2.imwrite(str(folder / f'{number:03}.png'), np.full((20, 30, 3), COLORS[number][::-1], np.uint8))
    (folder / 'readme.txt').write_text('no image')
    return folder


def test_video_gives_rgb_frames_at_its_rate(tmp_path: Path) -> None:
    source = open_source(write_video(tmp_path / 'drive.mp4', 20.0), rate=3.0)
    assert isinstance(source, VideoSource)
    assert (source.name, source.rate, source.count) == ('drive.mp4', pytest.approx(20.0), 5)
    frames = list(source)
    assert [frame.stamp for frame in frames] == [0, 50_000_000, 100_000_000, 150_000_000, 200_000_000]
    for frame, color in zip(frames, COLORS, strict=True):
        assert frame.image.shape == (48, 64, 3) and frame.image.dtype == np.uint8
        assert abs(frame.image.astype(float) - color).max() < 15  # mp4 is lossy
        assert frame.frame_id == ''


def test_a_source_can_be_iterated_again(tmp_path: Path) -> None:
    for path in (write_video(tmp_path / 'drive.mp4', 25.0), write_folder(tmp_path / 'stills')):
        source = open_source(path)
        next(iter(source))  # left half way
        first, second = list(source), list(source)
        assert len(first) == len(second) == 5
        assert all(np.array_equal(a.image, b.image) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize('inside', ['', 'images'])
@pytest.mark.parametrize('rate', [0.0, 4.0])
def test_folder_gives_images_in_order_of_names(tmp_path: Path, inside: str, rate: float) -> None:
    write_folder(tmp_path / 'drive' / inside)
    source = open_source(str(tmp_path / 'drive'), rate=rate)
    assert isinstance(source, FolderSource)
    hertz = rate or FOLDER_RATE
    assert (source.name, source.rate, source.count) == ('drive', hertz, 5)
    for number, (frame, color) in enumerate(zip(source, COLORS, strict=True)):
        assert abs(frame.stamp - number * 1e9 / hertz) <= 0.5
        assert np.array_equal(frame.image, np.broadcast_to(np.array(color), (20, 30, 3)))


def test_broken_image_of_a_folder_is_counted_and_skipped(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / 'drive')
    (folder / '002.png').write_bytes(b'cut off')
    said: list[str] = []
    source = open_source(folder, say=said.append)
    assert [frame.stamp for frame in source] == [round(i * 1e9 / FOLDER_RATE) for i in (0, 1, 3, 4)]
    assert source.findings.skipped.total() == 1
    assert [line.startswith(f'{folder}: 002.png: skipped: ') for line in said] == [True]
    with pytest.raises(DataError, match=r'002\.png: cannot be read'):
        list(open_source(folder, strict=True))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'nosuch\.mp4: no such file or folder'):
        open_source(tmp_path / 'nosuch.mp4')


def test_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / 'notes.txt').write_text('')
    with pytest.raises(DataError, match=r'expected images .*or a rosbag2, found neither'):
        open_source(tmp_path)


def test_file_that_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / 'drive.mp4'
    path.write_bytes(b'no video at all' * 100)
    with pytest.raises(DataError, match=r'drive\.mp4: expected a video'):
        open_source(path)


def test_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    write_folder(tmp_path / 'drive')
    assert open_source('~/drive').count == 5


def test_sixteen_bit_pictures_share_the_bit_depth_of_their_folder(tmp_path: Path) -> None:
    for number, largest in enumerate([1000, 4000, 500]):
        assert cv2.imwrite(str(tmp_path / f'{number}.png'), np.full((8, 8), largest, np.uint16))
    said: list[str] = []
    source = open_source(tmp_path, say=said.append)
    for _ in range(2):  # however often it is read, a line is said once
        assert [int(frame.image.max()) for frame in source] == [1000 >> 2, 4000 >> 4, 500 >> 4]
    assert [line.split('bit_depth: ')[1][:2] for line in said] == ['10', '12']
    chosen = open_source(tmp_path, say=said.append, bit_depth='14')
    assert [int(frame.image.max()) for frame in chosen] == [1000 >> 6, 4000 >> 6, 500 >> 6] and len(said) == 2
    with pytest.raises(ConfigError, match='bit_depth: expected auto or 8 to 16'):
        open_source(tmp_path, bit_depth=6)


def test_a_folder_of_bags_names_them(tmp_path: Path) -> None:
    for name in ('drive10', 'drive9', 'old.bag'):
        (tmp_path / name).mkdir() if name != 'old.bag' else (tmp_path / name).write_bytes(b'#ROSBAG V2.0')
        if name != 'old.bag':
            (tmp_path / name / 'a.mcap').write_bytes(b'')
    with pytest.raises(DataError, match=r'or a rosbag2, found drive9, drive10, old\.bag$'):
        open_source(tmp_path)


def test_one_image_is_a_recording_of_one_frame(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / 'drive')
    frames = list(open_source(folder / '003.png'))
    assert len(frames) == 1 and tuple(frames[0].image[0, 0]) == COLORS[3]


def test_names_count_as_numbers_and_hidden_files_do_not_count(tmp_path: Path) -> None:
    folder = tmp_path / 'drive'
    folder.mkdir()
    for number in (0, 1, 2, 10, 11, 100):
        cv2.imwrite(str(folder / f'frame_{number}.png'), np.full((20, 30, 3), number, np.uint8))
        (folder / f'._frame_{number}.png').write_bytes(b'\0\5\x16\7')
    assert [frame.image[0, 0, 0] for frame in open_source(folder)] == [0, 1, 2, 10, 11, 100]


@pytest.mark.parametrize('rate', [-5.0, float('nan'), float('inf'), 1001.0])
def test_what_is_no_rate_is_said(tmp_path: Path, rate: float) -> None:
    with pytest.raises(ConfigError, match=r'rate: expected 0 \(as recorded\) to 1000 Hz, found'):
        open_source(write_folder(tmp_path / 'drive'), rate=rate)


def test_pipes_are_no_recordings(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe.mcap')
    with pytest.raises(DataError, match='found a pipe or a device'):
        open_source(tmp_path / 'pipe.mcap')
