# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from pathlib import Path

import pytest

from davss_ros.datasets.dataset import open_dataset
from davss_ros.errors import ConfigError, DataError

Write = Callable[..., Path]


def fill(folder: Path, write: Write, names: list[str], labelled: list[str] | None = None) -> Path:
    for name in names:
        write(folder / 'images' / f'{name}.png', (9, 9, 9))
    for name in names if labelled is None else labelled:
        write(folder / 'labels' / f'{name}.png', 2)
    return folder


def test_plain_folder_is_one_sequence(tmp_path: Path, write: Write) -> None:
    dataset = open_dataset(fill(tmp_path, write, ['b', 'a', 'c2']), rate=5.0)
    assert (dataset.layout, dataset.problems, len(dataset.classes)) == ('folder', (), 11)
    (sequence,) = dataset.sequences
    assert [frame.image_path.stem for frame in sequence.frames] == ['a', 'b', 'c2']
    assert [frame.stamp for frame in sequence.frames] == [0, 200_000_000, 400_000_000]
    assert sequence.rate == 5.0 and sequence.labelled == (0, 1, 2)
    assert [still.name for still in dataset.stills] == ['a', 'b', 'c2']
    assert (dataset.stills[0].labels(11) == 2).all()


def test_numbers_order_frames_and_tell_drives_apart(tmp_path: Path, write: Write) -> None:
    names = ['x_8', 'x_9', 'x_10', 'x_11', 'y_4', 'y_6', 'y_8', 'y_200', 'y_202']
    dataset = open_dataset(fill(tmp_path, write, names))
    assert [(sequence.name, sequence.count, sequence.rate) for sequence in dataset.sequences] == [
        ('x_8', 4, 15.0),
        ('y_4', 3, 15.0),
        ('y_200', 2, 15.0),
    ]
    assert [frame.image_path.stem for frame in dataset.sequences[0].frames] == ['x_8', 'x_9', 'x_10', 'x_11']
    assert dataset.problems == ()


def test_missing_frames_of_a_plain_folder(tmp_path: Path, write: Write) -> None:
    fill(tmp_path, write, [f'{number:04}' for number in (0, 1, 2, 5, 6, 7, 9)])
    gone = [f'{tmp_path}/images/{name}.png: missing' for name in ('0003', '0004', '0008')]
    assert list(open_dataset(tmp_path).problems) == gone
    assert open_dataset(tmp_path, layout='stills').problems == ()


def test_stamps_as_names_are_no_numbering(tmp_path: Path, write: Write) -> None:
    dataset = open_dataset(fill(tmp_path, write, ['1700000033', '1700000000', '1700000067', '1700000100']))
    assert dataset.problems == () and [sequence.count for sequence in dataset.sequences] == [4]


def test_stills_of_camvid_in_a_plain_folder_are_no_video(tmp_path: Path, write: Write) -> None:
    names = [f'0001TP_{number:06}' for number in (6690, 6720, 6750)] + ['0016E5_07959', '0016E5_07961']
    dataset = open_dataset(fill(tmp_path, write, names))
    assert len(dataset.stills) == 5 and dataset.problems == ()
    assert [(sequence.name, sequence.rate, sequence.count) for sequence in dataset.sequences] == [
        ('0016E5_7959', 15.0, 2)
    ]


def test_stills_have_no_sequences(tmp_path: Path, write: Write) -> None:
    dataset = open_dataset(fill(tmp_path, write, ['a', 'b']), layout='stills')
    assert (len(dataset.stills), dataset.sequences) == (2, ())


@pytest.mark.parametrize('layout', ['', 'stills'])
def test_partners_are_missing(tmp_path: Path, write: Write, layout: str) -> None:
    fill(tmp_path, write, ['1', '2', '3', '4'], ['2', '3', '7'])
    dataset = open_dataset(tmp_path, layout=layout)
    assert set(dataset.problems) == {
        f'{tmp_path}/images/1.png: no labels of that name',
        f'{tmp_path}/images/4.png: no labels of that name',
        f'{tmp_path}/labels/7.png: no image of that name',
    }
    partly = open_dataset(tmp_path, layout=layout, partly_labelled=True)
    assert partly.problems == (f'{tmp_path}/labels/7.png: no image of that name',)
    assert [still.name for still in partly.stills] == ['2', '3']
    assert [sequence.labelled for sequence in partly.sequences] == ([] if layout else [(1, 2)])


def test_two_images_of_one_name(tmp_path: Path, write: Write) -> None:
    fill(tmp_path, write, ['1', '2'])
    write(tmp_path / 'images' / '2.jpg', (1, 1, 1))
    with pytest.raises(DataError, match=r'images/2\.jpg: the same name as 2\.png'):
        open_dataset(tmp_path)


def test_layout_that_nobody_knows_is_explained(tmp_path: Path) -> None:
    (tmp_path / 'pictures').mkdir()
    with pytest.raises(DataError) as error:
        open_dataset(tmp_path)
    for part in ('leftImg8bit_sequence/', 'trainannot/', '_L.png', 'images/ and labels/', 'found pictures'):
        assert part in str(error.value)
    with pytest.raises(DataError, match=r'layout: expected cityscapes, .*stills or nothing, found .kitti.'):
        open_dataset(tmp_path, layout='kitti')
    with pytest.raises(DataError, match='no such folder'):
        open_dataset(tmp_path / 'nosuch')


def test_layouts_without_images(tmp_path: Path) -> None:
    for layout in ('camvid', 'cityscapes'):
        with pytest.raises(DataError, match=r'found no images'):
            open_dataset(tmp_path, layout=layout)
    for layout in ('folder', 'stills'):
        with pytest.raises(DataError, match=r'images: expected a folder'):
            open_dataset(tmp_path, layout=layout)
    with pytest.raises(DataError, match=r'split: expected none, found train'):
        open_dataset(tmp_path, layout='camvid_segnet', split='train')


def test_classes_that_do_not_exist(tmp_path: Path, write: Write) -> None:
    with pytest.raises(ConfigError, match=r'camvid11, camvid32, cityscapes19'):
        open_dataset(fill(tmp_path, write, ['a', 'b']), 'nosuch')


def test_labelled_video_of_camvid(camvid_video: Path) -> None:
    dataset = open_dataset(camvid_video)
    (sequence,) = dataset.sequences
    assert (dataset.layout, sequence.rate, sequence.count) == ('folder', 15.0, 50)
    assert sequence.labelled == tuple(range(50)) and dataset.problems == ()
    assert sequence.frames[49].stamp == round(49e9 / 15)
