# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from davss_ros.errors import ConfigError, DataError, FrameError
from davss_ros.images.bit_depth import BitDepth, parse_bit_depth
from davss_ros.images.files import common_depth, read_image


def ramp(largest: int) -> np.ndarray:
    return np.linspace(0, largest, 64).astype(np.uint16).reshape(8, 8)


@pytest.mark.parametrize(
    ('largest', 'bits'),
    [(1, 10), (1023, 10), (1024, 12), (4095, 12), (4096, 14), (16383, 14), (16384, 16), (65535, 16)],
)
def test_auto_goes_by_the_largest_value_and_says_it_once(largest: int, bits: int) -> None:
    lines: list[str] = []
    depth = BitDepth(say=lines.append)
    pixels = ramp(largest)
    expected = [[int(value) * 256 // 2**bits for value in row] for row in pixels]
    for _ in range(3):
        eight = depth.to_eight(pixels)
        assert eight.dtype == np.uint8 and eight.tolist() == expected
    assert depth.bits == bits and len(lines) == 1
    assert f'bit_depth: {bits} of 16 bits taken' in lines[0] and str(largest) in lines[0]


def test_it_rises_and_never_falls_and_black_decides_nothing() -> None:
    lines: list[str] = []
    depth = BitDepth(name='front', say=lines.append)
    assert not depth.to_eight(ramp(0)).any() and lines == []
    depth.to_eight(ramp(900))
    depth.to_eight(ramp(4000))
    assert depth.to_eight(ramp(900)).max() == 900 >> 4
    assert [line.split()[:3] for line in lines] == [['front:', 'bit_depth:', '10'], ['front:', 'bit_depth:', '12']]


@pytest.mark.parametrize('bits', [8, 9, 10, 12, 14, 16])
def test_a_chosen_depth_clips_and_says_nothing(bits: int) -> None:
    lines: list[str] = []
    depth = BitDepth(bits, say=lines.append)
    pixels = ramp(65535)
    assert depth.to_eight(pixels).tolist() == [[min(255, int(v) * 256 // 2**bits) for v in row] for row in pixels]
    assert depth.chosen and lines == []


@pytest.mark.parametrize('setting', ['', 'Auto', '7', 17, 0, -8, True, None, 12.5, '1 2'])
def test_other_settings_are_refused(setting: object) -> None:
    with pytest.raises(ConfigError, match='bit_depth: expected auto or 8 to 16'):
        parse_bit_depth(setting)


def test_settings_as_text_and_numbers() -> None:
    assert [parse_bit_depth(setting) for setting in ('auto', '12', 12, ' 10 ')] == [0, 12, 12, 10]


def write(folder: Path, largest: list[int]) -> list[Path]:
    paths = []
    for number, value in enumerate(largest):
        paths.append(folder / f'{number}.png')
        assert cv2.imwrite(str(paths[-1]), ramp(value))
    return paths


def test_files_of_one_set_share_a_depth_in_any_order(tmp_path: Path) -> None:
    paths = write(tmp_path, [0, 100, 4000, 900])
    assert cv2.imwrite(str(tmp_path / 'grey.png'), np.zeros((4, 4), np.uint8))  # of 8 bits, and none at all
    depth = common_depth([tmp_path / 'grey.png', tmp_path / 'none.png', *paths], BitDepth(say=lambda _: None))
    assert depth.bits == 12
    assert [read_image(path, depth).max() for path in reversed(paths)] == [900 >> 4, 4000 >> 4, 100 >> 4, 0]


def test_what_a_fixed_depth_cannot_hold_is_an_error_that_says_what_to_set(tmp_path: Path) -> None:
    paths = write(tmp_path, [4000, 5000])
    depth = common_depth(paths[:1], BitDepth(say=lambda _: None))
    with pytest.raises(DataError, match=r'1\.png: bit_depth: a value of 5000.* 12 bits; set bit_depth to 14'):
        read_image(paths[1], depth)
    black = BitDepth(say=lambda _: None)
    black.fix()
    with pytest.raises(FrameError, match='taken for black; set bit_depth to 12'):
        black.to_eight(ramp(4000))
    assert read_image(paths[1], common_depth(paths, BitDepth(12))).max() == 255


def test_a_line_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        BitDepth().to_eight(ramp(3000))
    assert [record.message for record in caplog.records] == [
        'bit_depth: 12 of 16 bits taken, as the largest value so far is 3000'
    ]
