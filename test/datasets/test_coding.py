# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from numpy.typing import NDArray

from davss_ros.core.classes import SemanticClass
from davss_ros.datasets.coding import ClassIds, Colors, IdsOrColors, LabelCoding, OtherIds
from davss_ros.errors import DataError
from davss_ros.images.labels import LabelPicture

TABLE = {(0, 0, 0): 255, (1, 2, 3): 0, (3, 2, 1): 1, (255, 255, 255): 2, (0, 0, 255): 3}
CLASSES = [SemanticClass('a', (1, 2, 3)), SemanticClass('b', (3, 2, 1)), SemanticClass('c', (9, 9, 9))]


def numbers(*rows: list[int], dtype: type = np.uint8) -> LabelPicture:
    return LabelPicture(np.array(rows, dtype))


def test_colors_against_a_look_up_of_every_pixel() -> None:
    rng = np.random.default_rng(0)
    places = rng.integers(0, len(TABLE), (9, 14)).astype(np.uint8)
    palette = np.array(list(TABLE), np.uint8)
    expected = [[TABLE[tuple(int(v) for v in pixel)] for pixel in row] for row in palette[places]]
    for stored in (LabelPicture(palette[places]), LabelPicture(places, palette)):
        ids = Colors(TABLE, 'ours').decode(stored)
        assert ids.dtype == np.uint8 and ids.tolist() == expected


@pytest.mark.parametrize('color', [(1, 2, 4), (255, 255, 254), (0, 0, 1), (254, 255, 255)])
def test_unknown_colors_are_named_with_count_and_first_place(color: tuple[int, int, int]) -> None:
    rgb = np.zeros((4, 5, 3), np.uint8)
    rgb[2, 3] = rgb[3, 0] = color
    rgb[3, 1] = (9, 9, 8)
    with pytest.raises(DataError) as error:
        Colors(TABLE, 'our colours').decode(LabelPicture(rgb))
    expected = f'expected our colours, found {color} in 2 px, first at x=3 y=2; (9, 9, 8) in 1 px, first at x=1 y=3'
    assert str(error.value) == expected


def test_of_many_unknown_colors_the_most_frequent_are_named() -> None:
    rgb = np.zeros((1, 21, 3), np.uint8)
    rgb[0, :, 0] = [c for c in range(1, 7) for _ in range(c)]
    with pytest.raises(DataError, match=r'found \(6, 0, 0\) in 6 px, first at x=15 .* and 2 more colours$'):
        Colors(TABLE, 'ours').decode(LabelPicture(rgb))


def test_other_ids_are_mapped_and_unknown_ones_named() -> None:
    coding = OtherIds({0: 255, 7: 0, 8: 1}, 'ids of ours')
    assert coding.decode(numbers([0, 7], [8, 7])).tolist() == [[255, 0], [1, 0]]
    with pytest.raises(DataError, match=r'expected ids of ours, found \[9, 255\]'):
        coding.decode(numbers([0, 255], [9, 7]))


def test_ids_or_colors_by_what_the_file_holds() -> None:
    coding = IdsOrColors(CLASSES)
    rgb = np.array([[(0, 0, 0), (9, 9, 9)], [(1, 2, 3), (3, 2, 1)]], np.uint8)
    assert coding.decode(LabelPicture(rgb)).tolist() == [[255, 2], [0, 1]]
    assert coding.decode(numbers([0, 2], [255, 1])).tolist() == [[0, 2], [255, 1]]
    palette = np.array([(9, 9, 9), (1, 2, 3), (3, 2, 1)], np.uint8)  # of a palette the indices count
    assert coding.decode(LabelPicture(np.array([[0, 1, 2]], np.uint8), palette)).tolist() == [[0, 1, 2]]


def test_a_black_class_is_no_void() -> None:
    coding = IdsOrColors([*CLASSES, SemanticClass('black', (0, 0, 0))])
    assert coding.decode(LabelPicture(np.zeros((1, 1, 3), np.uint8))).tolist() == [[3]]


def test_colors_that_two_classes_share_tell_nothing() -> None:
    with pytest.raises(DataError, match='a and d of the class list have the same'):
        IdsOrColors([*CLASSES, SemanticClass('d', (1, 2, 3))]).decode(LabelPicture(np.zeros((1, 1, 3), np.uint8)))


def test_ids_in_three_equal_channels_are_pointed_out() -> None:
    with pytest.raises(DataError, match=r'found \(1, 1, 1\) in 4 px.*three equal channels'):
        IdsOrColors(CLASSES).decode(LabelPicture(np.ones((2, 2, 3), np.uint8)))


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_ids_of_8_and_16_bits(dtype: type) -> None:
    ids = ClassIds().decode(numbers([0, 3], [255, 1], dtype=dtype))
    assert ids.dtype == np.uint8 and ids.tolist() == [[0, 3], [255, 1]]


@pytest.mark.parametrize(
    ('coding', 'stored', 'message'),
    [
        (ClassIds(), np.full((2, 3), 300, np.uint16), r'expected ids up to 255, found \[300\]'),
        (OtherIds({0: 0}, ''), np.zeros((2, 3, 3), np.uint8), 'expected ids in one channel, found colours'),
        (Colors(TABLE, 'ours'), np.zeros((2, 3), np.uint8), 'expected ours, found grey values'),
    ],
)
def test_another_type_of_image(coding: LabelCoding, stored: NDArray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        coding.decode(LabelPicture(stored))


def test_ids_with_an_offset_are_shifted_and_their_unlabelled_one_is_void() -> None:
    ids = np.array([[0, 1, 2, 150, 255]], np.uint16)
    reduced = ClassIds(offset=1, unlabelled=0).decode(LabelPicture(ids))
    assert reduced.tolist() == [[255, 0, 1, 149, 255]] and reduced.dtype == np.uint8
    assert ClassIds(unlabelled=2).decode(LabelPicture(ids)).tolist() == [[0, 1, 255, 150, 255]]
    with pytest.raises(DataError, match=r'expected ids from 2, or 0 for void, found \[1\]'):
        ClassIds(offset=2, unlabelled=0).decode(LabelPicture(ids))
