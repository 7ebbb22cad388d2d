# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Picture files of every kind against what they were made from; Pillow writes them."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from davss_ros.errors import DataError, FrameError
from davss_ros.images.bit_depth import BitDepth
from davss_ros.images.files import read_image
from davss_ros.images.orientation import orientation
from davss_ros.images.pixels import stored_pixels, to_rgb, whole_size

RGB = cv2.resize(np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8), (24, 16))
DEEP = np.random.default_rng(1).integers(0, 4096, (16, 24)).astype(np.uint16)


def data_of(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(data: bytes) -> np.ndarray:
    return to_rgb(stored_pixels(data), BitDepth(12))


def turned(kind: str, value: int, lossless: bool = True) -> bytes:
    exif = Image.Exif()
    exif[274] = value
    options = {'TIFF': {'tiffinfo': {274: value}}, 'WEBP': {'lossless': True, 'exif': exif}}
    return data_of(Image.fromarray(RGB), kind, **options.get(kind, {'exif': exif}))


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'WEBP', 'TIFF'])
@pytest.mark.parametrize('value', range(1, 9))
def test_pixels_are_as_stored_whatever_the_orientation(kind: str, value: int, tmp_path: Path) -> None:
    path = tmp_path / 'picture'
    path.write_bytes(turned(kind, value))
    image = read_image(path)
    assert image.shape == RGB.shape and abs(image.astype(int) - RGB).mean() <= (16 if kind == 'JPEG' else 0)
    assert orientation(path) == value and whole_size(path.read_bytes()) == RGB.shape[:2]


@pytest.mark.parametrize('value', [0, 9, 255])
def test_nonsense_is_no_orientation(value: int, tmp_path: Path) -> None:
    (tmp_path / 'a.jpg').write_bytes(turned('JPEG', value))
    (tmp_path / 'b.png').write_bytes(b'no picture')
    assert orientation(tmp_path / 'a.jpg') == orientation(tmp_path / 'b.png') == orientation(tmp_path / 'c.png') == 1


def test_big_endian_tiff_is_not_turned_either() -> None:
    info = TiffImagePlugin.ImageFileDirectory_v2(prefix=b'MM')
    info[274] = 8
    data = data_of(Image.fromarray(DEEP.astype('>u2')), 'TIFF', tiffinfo=info)
    assert data.startswith(b'MM') and (decoded(data) == np.repeat((DEEP >> 4)[..., None], 3, 2)).all()


@pytest.mark.parametrize(
    'make',
    [
        lambda image: data_of(image, 'PNG'),
        lambda image: data_of(image, 'BMP'),
        lambda image: data_of(image, 'WEBP', lossless=True),
        lambda image: data_of(image, 'TIFF'),
        lambda image: data_of(image, 'TIFF', compression='tiff_lzw'),
        lambda image: data_of(image, 'TIFF', compression='tiff_adobe_deflate'),
        lambda image: data_of(image, 'TIFF', save_all=True, append_images=[image.rotate(180)]),  # first page
        lambda image: data_of(image, 'WEBP', lossless=True, save_all=True, append_images=[image.rotate(180)]),
    ],
)
def test_lossless_kinds_are_exact(make: Callable[[Image.Image], bytes]) -> None:
    assert (decoded(make(Image.fromarray(RGB))) == RGB).all()


@pytest.mark.parametrize('kind', ['PNG', 'WEBP', 'TIFF'])
@pytest.mark.parametrize('alpha', [0, 77, 255])
def test_alpha_is_left_out_not_blended(kind: str, alpha: int) -> None:
    rgba = np.dstack([RGB, np.full(RGB.shape[:2], alpha, np.uint8)])
    options = {'lossless': True, 'exact': True} if kind == 'WEBP' else {}
    assert (decoded(data_of(Image.fromarray(rgba), kind, **options)) == RGB).all()


def test_grey_with_alpha_palette_and_bilevel() -> None:
    grey = Image.fromarray(RGB[..., 0])
    expected = np.repeat(RGB[..., :1], 3, 2)
    for mode in ('L', 'LA'):
        assert (decoded(data_of(grey.convert(mode), 'PNG')) == expected).all()
    few = Image.fromarray(RGB).quantize(8)
    for options in ({}, {'transparency': b'\0\x80'}, {'bits': 4}):
        assert (decoded(data_of(few, 'PNG', **options)) == np.array(few.convert('RGB'))).all()
    bits = grey.convert('1')
    assert (decoded(data_of(bits, 'PNG'))[..., 0] == np.array(bits) * 255).all()


@pytest.mark.parametrize('options', [{}, {'progressive': True}, {'subsampling': 0}, {'quality': 30}])
@pytest.mark.parametrize('mode', ['RGB', 'L', 'CMYK'])
def test_jpeg_is_near(options: dict[str, Any], mode: str) -> None:
    image = Image.fromarray(RGB).convert(mode)
    assert abs(decoded(data_of(image, 'JPEG', **options)).astype(int) - np.array(image.convert('RGB'))).mean() < 25


@pytest.mark.parametrize('kind', ['PNG', 'TIFF'])
def test_sixteen_bits_go_by_the_bit_depth(kind: str) -> None:
    assert (decoded(data_of(Image.fromarray(DEEP), kind)) == np.repeat((DEEP >> 4)[..., None], 3, 2)).all()


def test_sixteen_bits_of_colour() -> None:
    data = cv2.imencode('.png', np.dstack([DEEP // 4, DEEP // 2, DEEP]))[1].tobytes()
    assert (decoded(data) == np.dstack([DEEP >> 4, DEEP >> 5, DEEP >> 6])).all()


def test_numbers_of_other_kinds_are_refused() -> None:
    with pytest.raises(FrameError, match='expected pixels of 8 or 16 bits, found float32'):
        stored_pixels(data_of(Image.fromarray(DEEP.astype(np.float32)), 'TIFF'))
    jpeg = bytearray(data_of(Image.fromarray(RGB), 'JPEG'))
    jpeg[jpeg.index(b'\xff\xc0') + 4] = 12
    with pytest.raises(FrameError, match='expected a jpeg image of 8 bits a sample, found 12'):
        stored_pixels(bytes(jpeg))


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'WEBP', 'TIFF', 'BMP'])
@pytest.mark.parametrize('share', [0.0, 0.01, 0.2, 0.5, 0.8, 0.97])
def test_what_is_cut_off_is_refused(kind: str, share: float, tmp_path: Path) -> None:
    data = data_of(Image.fromarray(RGB), kind)
    path = tmp_path / 'cut'
    path.write_bytes(data[: int(share * len(data))])
    if kind == 'TIFF' and share > 0.9:  # its directory lies at the front, padding at the end
        path.write_bytes(data[: int(0.9 * len(data))])
    with pytest.raises(DataError, match=f'^{path}: cannot be read as an image: '):
        read_image(path)
    with pytest.raises(FrameError):
        whole_size(path.read_bytes())


@pytest.mark.parametrize('make', [bytes, bytearray])
def test_a_folder_or_nothing_at_a_path(make: object, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / 'none.png'):
        with pytest.raises(DataError, match=f'^{path}: cannot be read: '):
            read_image(path)
