# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from pathlib import Path

import pytest

from davss_ros.datasets.command import main

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, write: Write) -> Path:
    for number in range(4):
        write(tmp_path / 'images' / f'{number}.png', (9, 9, 9))
        write(tmp_path / 'labels' / f'{number}.png', 1 if number else 255)
    return tmp_path


def test_summary(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder)]) == 0
    lines = [' '.join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == f'{folder}: layout folder, 4 images, 4 labels, 1 sequences'
    assert lines[1] == '0: 4 frames at 15 Hz, 4 labelled'
    assert 'Building 75.00 % of the pixels' in lines and 'Sky 0.00 % of the pixels' in lines
    assert lines[-3] == 'void 25.00 % of the pixels' and lines[-1] == '0 problems'
    assert lines[-2].startswith(f'note: {folder}: not one pixel of Sky, Pole')


def test_problems_are_listed_and_fail(folder: Path, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / 'labels' / '2.png', 11)
    (folder / 'images' / '1.png').unlink()
    assert main([str(folder), '--layout', 'folder']) == 1
    out = capsys.readouterr().out
    assert '3 problems:' in out
    assert all(name in out for name in ('images/1.png: missing', 'labels/1.png: no image', 'labels/2.png: expected'))


def test_no_data_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert 'expected one of these layouts' in capsys.readouterr().err
