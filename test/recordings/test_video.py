# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Videos as containers tell of them: rightly, absurdly, unevenly, cut off."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from davss_ros.errors import DataError
from davss_ros.recordings.frame import FOLDER_RATE
from davss_ros.recordings.open import open_source

COUNT = 20
FORMS = {'.mp4': 'mp4v', '.avi': 'MJPG', '.mkv': 'mp4v', '.mov': 'mp4v'}
forms = pytest.mark.parametrize('suffix', FORMS)


def write(path: Path, fps: float = 25.0, count: int = COUNT, size: tuple[int, int] = (160, 120)) -> Path:
    """Write frames of rising brightness, so that each can be told from the next."""
    code = cv2.VideoWriter.fourcc(*FORMS[path.suffix.lower()])
    writer = cv2.VideoWriter(str(path), code, fps, size)
    assert writer.isOpened()
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 40, (size[1], size[0], 3), np.uint8)
        writer.write(noise + np.uint8(10 * number))
    writer.release()
    return path


def read(path: Path, **options: object) -> tuple[list[int], list[int], list[str]]:
    """Return numbers of frames by their brightness, their stamps in ms, and what was said."""
    said: list[str] = []
    frames = list(open_source(path, say=said.append, **options))
    numbers = [round((float(frame.image.mean()) - 19.5) / 10) for frame in frames]
    return numbers, [round(frame.stamp / 1e6) for frame in frames], said


def box(data: bytes, name: bytes) -> tuple[int, int]:
    """Return where the box ``name`` of an mp4 begins and how long it is (ISO/IEC 14496-12)."""
    at = data.index(name, data.index(b'moov')) - 4
    return at, int.from_bytes(data[at : at + 4], 'big')


def with_steps(path: Path, steps: list[int]) -> None:
    """Give the frames of an mp4, one by one, other durations, in units of its time scale."""
    data = path.read_bytes()
    at, length = box(data, b'stts')
    table = b''.join((1).to_bytes(4, 'big') + step.to_bytes(4, 'big') for step in steps)
    new = b'stts' + bytes(4) + len(steps).to_bytes(4, 'big') + table
    grown = len(new) + 4 - length
    changed = bytearray(data[:at] + (len(new) + 4).to_bytes(4, 'big') + new + data[at + length :])
    for name in (b'moov', b'trak', b'mdia', b'minf', b'stbl'):  # the boxes around it
        offset = changed.index(name, changed.index(b'moov')) - 4
        size = int.from_bytes(changed[offset : offset + 4], 'big') + grown
        changed[offset : offset + 4] = size.to_bytes(4, 'big')
    edit = changed.index(b'edts')
    changed[edit : edit + 4] = b'free'  # the list of what is shown, which ends where it ended
    media = changed.index(b'mdhd') + 16 + 4  # its duration
    changed[media : media + 4] = sum(steps).to_bytes(4, 'big')
    path.write_bytes(changed)


@forms
@pytest.mark.parametrize('fps', [1.0, 12.5, 25.0, 60.0])
def test_a_video_is_read_at_its_rate(tmp_path: Path, suffix: str, fps: float) -> None:
    numbers, stamps, said = read(write(tmp_path / f'drive{suffix}', fps))
    assert numbers == list(range(COUNT)) and said == []
    assert np.allclose(stamps, 1000 / fps * np.arange(COUNT), atol=1)


def test_uneven_times_are_the_containers_own(tmp_path: Path) -> None:
    path = write(tmp_path / 'drive.mp4', 10.0)
    scale = int.from_bytes(path.read_bytes()[(at := path.read_bytes().index(b'mdhd') + 16) : at + 4], 'big')
    seconds = [0.1] * 10 + [1.0] * 10
    with_steps(path, [round(step * scale) for step in seconds])
    numbers, stamps, said = read(path)
    assert numbers == list(range(COUNT)) and said == []
    assert np.allclose(stamps, 1000 * np.cumsum([0, *seconds[:-1]]), atol=2)


@pytest.mark.parametrize('rate', [0.0, 4.0])
def test_an_absurd_rate_is_said_with_what_is_taken(tmp_path: Path, rate: float) -> None:
    path = write(tmp_path / 'drive.mp4', 10.0)
    data = path.read_bytes()
    scale = int.from_bytes(data[(at := data.index(b'mdhd') + 16) : at + 4], 'big')
    with_steps(path, [round(scale / 2000)] * COUNT)
    numbers, stamps, said = read(path, rate=rate)
    taken = rate or FOLDER_RATE
    assert numbers == list(range(COUNT))
    assert np.allclose(stamps, 1000 / taken * np.arange(COUNT), atol=1)
    assert len(said) == 1 and f'read at {taken:g} Hz' in said[0]
    assert 1500 < float(said[0].split('tells ')[1].split(' frames')[0]) < 2500


@pytest.mark.parametrize('suffix', ['.avi', '.mkv'])
@pytest.mark.parametrize('share', [0.4, 0.8])
def test_a_video_that_is_cut_off_is_said_with_both_numbers(tmp_path: Path, suffix: str, share: float) -> None:
    path = write(tmp_path / f'drive{suffix}')
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    numbers, _, said = read(path)
    assert numbers[:-1] == list(range(len(numbers) - 1)) and 3 < len(numbers) < COUNT  # the last may be cut itself
    assert said == [f'{path}: cut off: {len(numbers)} of the {COUNT} frames that it announces came']


def test_an_mp4_with_its_index_in_front_that_is_cut_off(tmp_path: Path) -> None:
    path = write(tmp_path / 'drive.mp4')
    data = path.read_bytes()
    at, length = box(data, b'moov')
    head = data.index(b'mdat') - 4
    index = bytearray(data[at : at + length])
    table = index.index(b'stco') + 4
    for offset in range(table + 8, table + 8 + 4 * int.from_bytes(index[table + 4 : table + 8], 'big'), 4):
        index[offset : offset + 4] = (int.from_bytes(index[offset : offset + 4], 'big') + length).to_bytes(4, 'big')
    path.write_bytes((data[:head] + index + data[head:at])[: head + length + (at - head) // 2])
    numbers, _, said = read(path)
    assert 5 < len(numbers) < COUNT
    assert said == [f'{path}: cut off: {len(numbers)} of the {COUNT} frames that it announces came']


def test_an_mp4_without_its_index_names_the_way_out(tmp_path: Path) -> None:
    path = write(tmp_path / 'drive.mp4')
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r'drive\.mp4: .* cut off before its index \(moov\) was written, which untrunc'):
        open_source(path)


@pytest.mark.parametrize('name', ['DRIVE.MP4', 'a b#c?d%20e%03d.mp4', 'ünïcode 名.avi', 'http:b.mkv'])
def test_any_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = write(tmp_path / f'plain{Path(name).suffix.lower()}')
    monkeypatch.chdir(tmp_path)
    assert read(plain.rename(tmp_path / name))[0] == list(range(COUNT))
    assert read(Path(name))[0] == list(range(COUNT))


@pytest.mark.parametrize(('size', 'count'), [((62, 46), COUNT), ((8, 8), COUNT), ((160, 120), 1)])
def test_small_and_short_videos(tmp_path: Path, size: tuple[int, int], count: int) -> None:
    numbers, _, said = read(write(tmp_path / 'drive.mp4', 25.0, count, size))
    assert (len(numbers), said) == (count, [])


@pytest.mark.parametrize('spoil', [lambda data: b'', lambda data: bytes(len(data)), lambda data: data[::-1]])
def test_what_is_no_video_is_one_line(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = write(tmp_path / 'drive.mp4')
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=r'drive\.mp4: expected a video') as error:
        open_source(path)
    assert '\n' not in str(error.value)


def test_an_avi_that_does_not_tell_its_frames_any_more_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / 'drive.avi')
    data = bytearray(path.read_bytes())
    at = data.index(b'strh') + 8 + 32  # the number of frames in the stream's header
    assert data[at : at + 4] == COUNT.to_bytes(4, 'little')
    data[at : at + 4] = bytes(4)
    path.write_bytes(data)
    numbers, _, said = read(path)
    assert len(numbers) == COUNT
    assert [line.split(': ', 1)[1] for line in said] == [
        f'damaged: it does not tell how many frames it holds; {COUNT} came'
    ]


def test_a_turned_video_is_upright_and_said(tmp_path: Path) -> None:
    path = write(tmp_path / 'drive.mp4')
    data = bytearray(path.read_bytes())
    matrix = box(data, b'tkhd')[0] + 48
    quarter = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)  # 16.16 fixed point, ISO/IEC 14496-12, 8.3.2
    data[matrix : matrix + 36] = b''.join(value.to_bytes(4, 'big', signed=True) for value in quarter)
    path.write_bytes(data)
    said: list[str] = []
    frame = next(iter(open_source(path, say=said.append)))
    assert frame.image.shape == (160, 120, 3)
    assert said == [f'{path}: turned by 90 degrees, as the container says']
