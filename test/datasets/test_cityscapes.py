# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from davss_ros.core.classes import load_classes
from davss_ros.datasets.check import examine
from davss_ros.datasets.dataset import open_dataset
from davss_ros.errors import DataError

Write = Callable[..., Path]


def snippet(root: Path, write: Write, split: str, city: str, start: int) -> None:
    """Thirty frames, and the labels of the twentieth."""
    for number in range(start, start + 30):
        name = f'{city}_000001_{number:06}'
        write(root / 'leftImg8bit_sequence' / split / city / f'{name}_leftImg8bit.png', (number % 200, 5, 5))
    labels = root / 'gtFine' / split / city / f'{city}_000001_{start + 19:06}_gtFine_labelIds.png'
    write(labels, np.tile(np.arange(34, dtype=np.uint8), (16, 1))[:, :24])
    write(labels.with_name(labels.name.replace('labelIds', 'color')), (1, 1, 1))


@pytest.fixture
def cityscapes(tmp_path: Path, write: Write) -> Path:
    snippet(tmp_path, write, 'val', 'ulm', 0)
    snippet(tmp_path, write, 'val', 'ulm', 100)
    snippet(tmp_path, write, 'val', 'bonn', 7)
    snippet(tmp_path, write, 'train', 'aachen', 0)
    return tmp_path


def test_label_ids_against_the_authors_table(tmp_path: Path, write: Write) -> None:
    table = pytest.importorskip('cityscapesscripts.helpers.labels')
    stored = np.arange(34, dtype=np.uint8)[None]
    write(tmp_path / 'leftImg8bit' / 'val' / 'ulm' / 'ulm_000001_000019_leftImg8bit.png', stored)
    write(tmp_path / 'gtFine' / 'val' / 'ulm' / 'ulm_000001_000019_gtFine_labelIds.png', stored)
    dataset = open_dataset(tmp_path)
    assert dataset.layout == 'cityscapes'
    assert dataset.stills[0].labels(19).tolist() == [[table.id2label[i].trainId for i in range(34)]]
    for train_id, semantic_class in enumerate(dataset.classes):
        assert (semantic_class.name, semantic_class.color) == (
            table.trainId2label[train_id].name,
            table.trainId2label[train_id].color,
        )


def test_snippets_with_the_twentieth_labelled(cityscapes: Path) -> None:
    dataset = open_dataset(cityscapes, split='val')
    assert dataset.problems == () and dataset.classes == load_classes('cityscapes19')
    assert [(sequence.name, sequence.rate, sequence.count, sequence.labelled) for sequence in dataset.sequences] == [
        ('bonn_000001_7', 17.0, 30, (19,)),
        ('ulm_000001_0', 17.0, 30, (19,)),
        ('ulm_000001_100', 17.0, 30, (19,)),
    ]
    assert [frame.stamp for frame in dataset.sequences[0]][:3] == [0, 58823529, 117647059]
    assert [still.name for still in dataset.stills] == [
        f'{name}_leftImg8bit' for name in ('bonn_000001_000026', 'ulm_000001_000019', 'ulm_000001_000119')
    ]
    assert examine(dataset).problems == ()


def test_missing_frames_are_named_at_the_ends_as_well(cityscapes: Path) -> None:
    folder = cityscapes / 'leftImg8bit_sequence' / 'val' / 'ulm'
    gone = [folder / f'ulm_000001_{number:06}_leftImg8bit.png' for number in (0, 12, 13, 129)]
    for path in gone:
        path.unlink()
    dataset = open_dataset(cityscapes, split='val')
    assert sorted(dataset.problems) == [f'{path}: missing' for path in gone]
    assert [(sequence.count, sequence.labelled) for sequence in dataset.sequences] == [
        (30, (19,)),
        (11, ()),
        (16, (5,)),
        (29, (19,)),
    ]


def test_labelled_frame_without_image(cityscapes: Path) -> None:
    name = 'leftImg8bit_sequence/val/ulm/ulm_000001_000019_leftImg8bit.png'
    (cityscapes / name).unlink()
    problems = open_dataset(cityscapes, split='val').problems
    assert set(problems) == {
        f'{cityscapes / name}: missing',
        f'{cityscapes}/gtFine/val/ulm/ulm_000001_000019_gtFine_labelIds.png: no image of that name',
    }


def test_stills_alone(cityscapes: Path, write: Write) -> None:
    (cityscapes / 'leftImg8bit_sequence').rename(cityscapes / 'elsewhere')
    for city, number in (('ulm', 19), ('ulm', 119), ('bonn', 26)):
        write(cityscapes / 'leftImg8bit' / 'val' / city / f'{city}_000001_{number:06}_leftImg8bit.png', (1, 2, 3))
    dataset = open_dataset(cityscapes, split='val')
    assert (len(dataset.stills), dataset.sequences, dataset.problems) == (3, (), ())


def test_unlabelled_frames_are_motion(cityscapes: Path) -> None:
    (cityscapes / 'gtFine').rename(cityscapes / 'elsewhere')
    gone = cityscapes / 'leftImg8bit_sequence' / 'train' / 'aachen' / 'aachen_000001_000004_leftImg8bit.png'
    gone.unlink()
    dataset = open_dataset(cityscapes, split='train')
    assert dataset.stills == () and [sequence.count for sequence in dataset.sequences] == [29]
    assert dataset.problems == (f'{gone}: missing',)


def test_id_that_cityscapes_does_not_have(cityscapes: Path, write: Write) -> None:
    path = write(cityscapes / 'gtFine' / 'train' / 'aachen' / 'aachen_000001_000019_gtFine_labelIds.png', 34)
    assert examine(open_dataset(cityscapes, split='train')).problems == (f'{path}: expected ids 0..33, found [34]',)


def test_split_and_classes_must_fit(cityscapes: Path) -> None:
    with pytest.raises(DataError, match=r'split: expected train, val .*, found none'):
        open_dataset(cityscapes)
    with pytest.raises(DataError, match=r'split: expected train, val .*, found test'):
        open_dataset(cityscapes, split='test')
    with pytest.raises(DataError, match=r'can be mapped to cityscapes19, not to Sky'):
        open_dataset(cityscapes, 'camvid11', split='val')
