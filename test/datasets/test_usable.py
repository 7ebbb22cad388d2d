# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from davss_ros.datasets.check import examine
from davss_ros.datasets.dataset import Dataset, open_dataset
from davss_ros.datasets.usable import usable
from davss_ros.errors import DataError

Write = Callable[..., Path]
COUNT = 9


@pytest.fixture
def folder(tmp_path: Path, write: Write) -> Path:
    for number in range(COUNT):
        write(tmp_path / 'images' / f'{number}.png', (9, 9, 9))
        write(tmp_path / 'labels' / f'{number}.png', number)
    return tmp_path


def parts(dataset: Dataset) -> list[list[int]]:
    return [[int(frame.image_path.stem) for frame in sequence.frames] for sequence in dataset.sequences]


def test_broken_files_are_skipped_counted_and_named(folder: Path) -> None:
    (folder / 'images' / '2.png').write_bytes(b'')
    data = (folder / 'labels' / '5.png').read_bytes()
    (folder / 'labels' / '5.png').write_bytes(data[:-20])
    lines: list[str] = []
    dataset, findings = usable(open_dataset(folder), lines.append)
    assert [still.name for still in dataset.stills] == ['0', '1', '3', '4', '6', '7', '8']
    assert parts(dataset) == [[0, 1], [3, 4], [6, 7, 8]]
    assert [sequence.name for sequence in dataset.sequences] == ['0_part1', '0_part2', '0_part3']
    assert len(findings.broken) == 2 and lines[2] == f'{folder}: 2 of 9 images skipped'
    assert lines[0].startswith(f'skipped: {folder}/images/2.png: ') and 'found 0 bytes' in lines[0]
    assert lines[1].startswith(f'skipped: {folder}/labels/5.png: cannot be read as labels: ')
    with pytest.raises(DataError, match=f'{folder}: 2 problems:\n{folder}/images/2.png: .*\n{folder}/labels/5.png: '):
        usable(open_dataset(folder), lines.append, strict=True)


def test_where_nothing_is_left_it_is_an_error(folder: Path) -> None:
    for number in range(COUNT):
        (folder / 'images' / f'{number}.png').write_bytes(b'GIF89a')
    with pytest.raises(DataError, match=r'none of 9 images can be used; first: .*0\.png'):
        usable(open_dataset(folder), lambda _: None)


def test_a_sequence_whose_size_changes_is_parted_where_that_may_be(folder: Path, write: Write) -> None:
    for number in (4, 5, 6):
        write(folder / 'images' / f'{number}.png', (9, 9, 9), (20, 24))
        write(folder / 'labels' / f'{number}.png', number, (20, 24))
    lines: list[str] = []
    dataset, _ = usable(open_dataset(folder), lines.append, sizes_may_change=True)
    assert parts(dataset) == [[0, 1, 2, 3], [4, 5, 6], [7, 8]] and len(dataset.stills) == COUNT
    assert lines[0] == 'sequence 0: sizes change (24x16, 24x20): taken in 3 parts'
    with pytest.raises(DataError, match='24x20, but most of its sequence 0 is 24x16'):
        usable(open_dataset(folder), lines.append)


@pytest.mark.parametrize('value', range(2, 9))
@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'TIFF', 'WEBP'])
def test_labelled_images_that_are_to_be_turned_are_refused(folder: Path, kind: str, value: int) -> None:
    exif = Image.Exif()
    exif[274] = value
    path = folder / 'images' / f'0.{kind.lower()}'
    (folder / 'images' / '0.png').unlink()
    options = {'tiffinfo': {274: value}} if kind == 'TIFF' else {'exif': exif}
    Image.fromarray(np.full((16, 24, 3), 9, np.uint8)).save(path, kind, **options)
    for strict in (False, True):
        with pytest.raises(DataError) as error:
            usable(open_dataset(folder), lambda _: None, strict=strict)
        (line,) = str(error.value).splitlines()[1:]
        assert line.startswith(f'{path}: EXIF orientation {value} (') and 'exiftool -Orientation=' in line
        certain = 'its labels have the size of the stored pixels' in line
        assert certain == (value >= 5) and ('mogrify -auto-orient' in line) != certain


def test_labels_of_the_turned_size_tell_the_other_way_out(folder: Path, write: Write) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.full((24, 16, 3), 9, np.uint8)).save(folder / 'images' / '0.png', exif=exif)
    lines = examine(open_dataset(folder, layout='stills')).problems
    assert any('size of the turned picture: mogrify -auto-orient' in line for line in lines)
    write(folder / 'images' / '0.png', (9, 9, 9))
    Image.fromarray(np.zeros((16, 24), np.uint8)).save(folder / 'labels' / '0.png', exif=exif)
    (line,) = examine(open_dataset(folder)).problems
    assert line.startswith(f'{folder}/labels/0.png: EXIF orientation 6')


def test_frames_without_labels_may_say_what_they_like(folder: Path) -> None:
    exif = Image.Exif()
    exif[274] = 3
    Image.fromarray(np.full((16, 24, 3), 9, np.uint8)).save(folder / 'images' / '0.png', exif=exif)
    (folder / 'labels' / '0.png').unlink()
    assert examine(open_dataset(folder, partly_labelled=True)).problems == ()


def test_nothing_but_void_is_a_problem_and_a_missing_class_a_note(folder: Path, write: Write) -> None:
    assert examine(open_dataset(folder)).notes == (f'{folder}: not one pixel of Pedestrian, Bicyclist',)
    for number in range(COUNT):
        write(folder / 'labels' / f'{number}.png', 255)
    findings = examine(open_dataset(folder))
    assert findings.problems == (
        f'{folder}: nothing but void in its 9 label files: nothing to learn, nothing to count',
    )
    assert findings.notes == ()


def test_palettes_that_contradict_their_indices_are_pointed_out(folder: Path) -> None:
    classes = [semantic_class.color for semantic_class in open_dataset(folder).classes]
    for number in range(COUNT):
        image = Image.fromarray(np.full((16, 24), number, np.uint8), 'L')
        for order, contradicts in ((classes, False), (classes[::-1], number != 5)):
            image.putpalette([value for color in order for value in color])
            image.save(folder / 'labels' / f'{number}.png')
            said = any(
                '1 label files show their indices in the colours' in n for n in examine(open_dataset(folder)).notes
            )
            assert said == contradicts
        cv2.imwrite(str(folder / 'labels' / f'{number}.png'), np.full((16, 24), number, np.uint8))


def test_sixteen_bit_images_of_one_set(folder: Path) -> None:
    for number in range(COUNT):
        value = 5000 if number == 8 else 3000
        assert cv2.imwrite(str(folder / 'images' / f'{number}.png'), np.full((16, 24), value, np.uint16))
    dataset = open_dataset(folder)
    assert dataset.stills[0].image().max() == 3000 >> 4
    (line,) = examine(dataset).problems
    assert '8.png: bit_depth: a value of 5000' in line and 'set bit_depth to 14' in line
    assert examine(open_dataset(folder, bit_depth=14)).problems == ()
    assert open_dataset(folder, bit_depth=14).stills[0].image().max() == 3000 >> 6
