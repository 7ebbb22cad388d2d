import numpy as np
import pytest
from numpy.typing import NDArray

from davss_ros.datasets.coding import ClassIds, Colors, OtherIds
from davss_ros.errors import DataError

TABLE = {(0, 0, 0): 255, (1, 2, 3): 0, (3, 2, 1): 1, (255, 255, 255): 2, (0, 0, 255): 3}


def test_colors_against_a_look_up_of_every_pixel() -> None:
    rng = np.random.default_rng(0)
    rgb = np.array(list(TABLE), np.uint8)[rng.integers(0, len(TABLE), (9, 14))]
    expected = [[TABLE[tuple(int(v) for v in pixel)] for pixel in row] for row in rgb]
    stored = rgb[..., ::-1]
    opaque = np.dstack([stored, np.full(stored.shape[:2], 255, np.uint8)])
    for image in (stored, opaque):
        ids = Colors(TABLE, 'ours').decode(image)
        assert ids.dtype == np.uint8 and ids.tolist() == expected


@pytest.mark.parametrize('color', [(1, 2, 4), (255, 255, 254), (0, 0, 1), (254, 255, 255)])
def test_unknown_colors_are_named_as_rgb(color: tuple[int, int, int]) -> None:
    stored = np.zeros((4, 5, 3), np.uint8)
    stored[2, 3] = color[::-1]
    with pytest.raises(DataError) as error:
        Colors(TABLE, 'our colours').decode(stored)
    assert str(error.value) == f'expected our colours, found 1 other colours: [{color}]'


def test_other_ids_are_mapped_and_unknown_ones_named() -> None:
    coding = OtherIds({0: 255, 7: 0, 8: 1}, 'ids of ours')
    assert coding.decode(np.array([[0, 7], [8, 7]], np.uint8)).tolist() == [[255, 0], [1, 0]]
    with pytest.raises(DataError, match=r'expected ids of ours, found \[9, 255\]'):
        coding.decode(np.array([[0, 255], [9, 7]], np.uint8))


@pytest.mark.parametrize('coding', [ClassIds(), OtherIds({0: 0}, ''), Colors(TABLE, '')])
@pytest.mark.parametrize('stored', [np.zeros((2, 3), np.uint16), np.zeros((2, 3, 2), np.uint8)])
def test_another_type_of_image(coding: ClassIds | OtherIds | Colors, stored: NDArray) -> None:
    with pytest.raises(DataError, match=r'expected (one uint8 channel|a uint8 RGB image), found'):
        coding.decode(stored)
