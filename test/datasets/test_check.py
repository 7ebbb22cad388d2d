# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from davss_ros.datasets.check import count_images, examine
from davss_ros.datasets.dataset import open_dataset
from davss_ros.datasets.usable import usable
from davss_ros.errors import DataError

Write = Callable[..., Path]
COUNT = 8


@pytest.fixture
def folder(tmp_path: Path, write: Write) -> Path:
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        write(tmp_path / 'images' / f'{number:03}.{"jpg" if number % 2 else "png"}', rng.integers(0, 256, (16, 24, 3)))
        write(tmp_path / 'labels' / f'{number:03}.png', rng.choice([0, 1, 2, 10, 255], (16, 24)).astype(np.uint8))
    return tmp_path


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def test_a_good_folder_is_counted(folder: Path) -> None:
    dataset = open_dataset(folder)
    calls: list[None] = []
    findings = examine(dataset, lambda: calls.append(None))
    assert (
        findings.problems == () and len(calls) == count_images(dataset) == findings.images == findings.labels == COUNT
    )
    pixels = [0] * 256
    for still in dataset.stills:
        for row in still.labels(11):
            for value in row:
                pixels[value] += 1
    assert list(findings.pixels) == pixels[:11] and findings.void == pixels[255] > 0


def test_every_problem_is_named_at_once(folder: Path, write: Write) -> None:
    (folder / 'images' / '001.jpg').write_bytes(b'no image')
    cut(folder / 'images' / '002.png')
    cut(folder / 'images' / '003.jpg')
    cut(folder / 'labels' / '004.png')
    (folder / 'labels' / '004.png').with_name('005.png').write_bytes(b'')
    write(folder / 'labels' / '006.png', 11)
    write(folder / 'labels' / '007.png', 0, (16, 23))
    write(folder / 'images' / '008.png', (1, 1, 1), (20, 24))
    write(folder / 'labels' / '008.png', 0, (20, 24))
    write(folder / 'images' / '010.png', (1, 1, 1))
    write(folder / 'labels' / '010.png', (1, 1, 1))
    write(folder / 'labels' / '011.png', 0)
    with pytest.raises(DataError) as error:
        usable(open_dataset(folder), lambda _: None, strict=True)
    heading, *lines = str(error.value).splitlines()
    assert heading == f'{folder}: 11 problems:'
    found = {tuple(line.removeprefix(f'{folder}/').split(': ', 1)) for line in lines}
    expected = {
        'images/009.png': 'missing',
        'labels/011.png': 'no image of that name',
        'images/001.jpg': 'found 8 bytes starting',
        'images/002.png': 'bytes beyond the end',
        'images/003.jpg': 'cut off',
        'labels/004.png': 'broken png image',
        'labels/005.png': 'found 0 bytes',
        'labels/006.png': 'expected ids 0..10 or 255 (void), found [11]',
        'labels/007.png': '23x16, but its image 007.jpg is 24x16',
        'images/008.png': '24x20, but most of its sequence 0 is 24x16',
        'labels/010.png': '(1, 1, 1) in 384 px, first at x=0 y=0',
    }
    assert {name for name, _ in found} == expected.keys()
    assert [name for name, what in found if expected[name] not in what] == []


def test_frames_without_labels_are_read_as_well(folder: Path) -> None:
    for number in range(1, COUNT):
        (folder / 'labels' / f'{number:03}.png').unlink()
    cut(folder / 'images' / '005.jpg')
    cut(folder / 'images' / '006.png')
    findings = examine(open_dataset(folder, partly_labelled=True))
    assert [line.split(': ')[0].removeprefix(f'{folder}/') for line in findings.problems] == [
        'images/005.jpg',
        'images/006.png',
    ]
    assert (findings.images, findings.labels) == (COUNT, 1)
    assert sum(findings.pixels) + findings.void == 16 * 24


def test_unrelated_images_may_differ_in_size(folder: Path, write: Write) -> None:
    write(folder / 'images' / 'x.png', (1, 1, 1), (8, 8))
    write(folder / 'labels' / 'x.png', 0, (8, 8))
    assert examine(open_dataset(folder, layout='stills')).problems == ()
    assert len(examine(open_dataset(folder)).problems) == 1


def test_a_header_that_claims_billions_of_pixels(folder: Path) -> None:
    path = folder / 'images' / '001.jpg'
    data = bytearray(path.read_bytes())
    at = data.index(b'\xff\xc0') + 5
    data[at : at + 4] = b'\xff' * 4
    path.write_bytes(data)
    lines = examine(open_dataset(folder)).problems
    assert [line.removeprefix(f'{folder}/') for line in lines] == [
        'images/001.jpg: cannot be read as an image: size: expected sides of 1 to 8192 px, found 65535x65535'
    ]
