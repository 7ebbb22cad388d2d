# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from davss_ros.datasets.dataset import open_dataset
from davss_ros.datasets.stills import labelled_images
from davss_ros.errors import DataError
from davss_ros.images.files import read_image

RED_ABOVE_BLUE = np.array([[[255, 0, 0]] * 4, [[0, 0, 255]] * 4], np.uint8)  # RGB
LABELS = np.array([[0, 1, 2, 255], [2, 2, 0, 0]], np.uint8)


def write(path: Path, image: NDArray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ('b.png', 'a.bmp', 'c.PNG'):
        write(tmp_path / 'images' / name, RED_ABOVE_BLUE)
    for name in 'abc':
        write(tmp_path / 'labels' / f'{name}.png', LABELS)
    (tmp_path / 'images' / 'notes.txt').write_text('no image')
    return tmp_path


def test_pairs_are_sorted_and_read_as_written(folder: Path) -> None:
    pairs = labelled_images(folder)
    assert [pair.name for pair in pairs] == ['a', 'b', 'c']
    for pair in pairs:
        assert np.array_equal(pair.image(), RED_ABOVE_BLUE) and pair.image().dtype == np.uint8
        assert np.array_equal(pair.labels(3), LABELS) and pair.labels(3).dtype == np.uint8


def test_jpeg_and_grey_images_become_rgb(tmp_path: Path) -> None:
    write(tmp_path / 'flat.jpg', np.full((16, 16, 3), (200, 100, 50), np.uint8))
    write(tmp_path / 'grey.png', np.full((16, 16), 77, np.uint8))
    assert abs(read_image(tmp_path / 'flat.jpg') - np.array([200.0, 100, 50])).max() < 4
    assert np.array_equal(read_image(tmp_path / 'grey.png'), np.full((16, 16, 3), 77))


def test_ids_that_are_no_class_are_named(folder: Path) -> None:
    pair = labelled_images(folder)[0]
    with pytest.raises(DataError, match=r'a\.png: expected ids 0\.\.1 or 255 .*\[2\]'):
        pair.labels(2)
    with pytest.raises(DataError, match=r'found \[255\]'):
        pair.labels(3, void=250)


@pytest.mark.parametrize('labels', [RED_ABOVE_BLUE, LABELS.astype(np.uint16) + 1])
def test_labels_of_another_type(folder: Path, labels: NDArray) -> None:
    write(folder / 'labels' / 'b.png', labels)
    with pytest.raises(
        DataError, match=r'b\.png: expected ids (in one channel, found colours|up to 255, found \[256\])'
    ):
        labelled_images(folder)[1].labels(3)


def test_unreadable_files_are_named(folder: Path) -> None:
    (folder / 'images' / 'b.png').write_bytes(b'no image')
    (folder / 'labels' / 'b.png').write_bytes(b'')
    pair = labelled_images(folder)[1]
    with pytest.raises(DataError, match=r'images/b\.png: cannot be read'):
        pair.image()
    with pytest.raises(DataError, match=r'labels/b\.png: cannot be read'):
        pair.labels(3)
    with pytest.raises(DataError, match=r'nosuch\.png: cannot be read'):
        read_image(folder / 'nosuch.png')


def test_every_file_without_partner_is_named(folder: Path) -> None:
    (folder / 'labels' / 'a.png').unlink()
    (folder / 'labels' / 'c.png').unlink()
    write(folder / 'labels' / 'd.png', LABELS)
    with pytest.raises(DataError) as error:
        labelled_images(folder)
    lines = str(error.value).splitlines()
    assert [Path(line.split(': ')[0]).name for line in lines] == ['a.bmp', 'c.PNG', 'd.png']


@pytest.mark.parametrize('missing', ['images', 'labels'])
@pytest.mark.parametrize('leave_folder', [True, False])
def test_missing_or_empty_folder_is_named(folder: Path, missing: str, leave_folder: bool) -> None:
    for path in (folder / missing).iterdir():
        path.unlink()
    if not leave_folder:
        (folder / missing).rmdir()
    with pytest.raises(DataError, match=rf'/{missing}: expected .*found none'):
        labelled_images(folder)


@pytest.mark.parametrize('names', [['b9', 'b11', 'b10'], ['2b', '10b', '1b'], ['x2y', 'x10y', 'x1y', 'x1z']])
def test_names_are_in_natural_order(names: list[str], tmp_path: Path) -> None:
    for name in names:
        write(tmp_path / 'images' / f'{name}.png', RED_ABOVE_BLUE)
        write(tmp_path / 'labels' / f'{name}.png', LABELS)
        (tmp_path / 'images' / f'._{name}.png').write_bytes(b'macOS')
    expected = sorted(names, key=lambda name: int(''.join(c for c in name if c.isdigit())))
    assert [pair.name for pair in labelled_images(tmp_path)] == expected
    for layout in ('stills', 'folder'):
        dataset = open_dataset(tmp_path, layout=layout)
        assert [still.name for still in dataset.stills] == expected and dataset.problems == ()
    assert [frame.image_path.stem for frame in dataset.sequences[0].frames] == expected
