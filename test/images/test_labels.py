# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from davss_ros.errors import DataError
from davss_ros.images.labels import label_picture, read_label

IDS = np.random.default_rng(0).integers(0, 16, (9, 14)).astype(np.uint8)
PALETTE = np.random.default_rng(1).integers(0, 256, (16, 3), np.uint8)


def data_of(image: Image.Image, kind: str = 'PNG', **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def palette_image(ids: np.ndarray, palette: np.ndarray = PALETTE) -> Image.Image:
    image = Image.fromarray(ids, 'L').convert('L')
    image.putpalette(palette.ravel().tolist())
    return image


@pytest.mark.parametrize('options', [{}, {'transparency': bytes([0, 99])}, {'bits': 8}, {'bits': 4}])
def test_palette_gives_indices_and_their_colours(options: dict[str, Any]) -> None:
    stored = label_picture(data_of(palette_image(IDS), **options))
    colors = stored.colors()
    assert stored.has_numbers and stored.pixels.tolist() == IDS.tolist()
    assert colors is not None and colors.tolist() == PALETTE[IDS].tolist()


@pytest.mark.parametrize('bits', [1, 2, 4])
def test_small_palettes(bits: int) -> None:
    ids = IDS % 2**bits
    data = data_of(palette_image(ids, PALETTE[: 2**bits]), bits=bits)
    assert data[24:26] == bytes([bits, 3])  # depth and colour type, as meant
    assert label_picture(data).pixels.tolist() == ids.tolist()


@pytest.mark.parametrize('bits', [1, 2, 4])
def test_grey_of_few_bits_is_not_stretched(bits: int) -> None:
    ids = IDS % 2**bits
    rows = np.packbits(np.stack([ids >> bit & 1 for bit in reversed(range(bits))], 2).reshape(len(ids), -1), axis=1)
    data = png(ids.shape, bits, 0, rows)
    assert (cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) == ids * (255 // (2**bits - 1))).all()
    assert label_picture(data).pixels.tolist() == ids.tolist()


def png(size: tuple[int, int], depth: int, kind: int, rows: np.ndarray) -> bytes:
    """Write a png by hand (PNG specification): Pillow writes no grey of 2 or 4 bits."""
    from struct import pack
    from zlib import compress, crc32

    def chunk(name: bytes, body: bytes) -> bytes:
        return pack('>I', len(body)) + name + body + pack('>I', crc32(name + body))

    head = pack('>IIBBBBB', size[1], size[0], depth, kind, 0, 0, 0)
    body = compress(b''.join(b'\0' + row.tobytes() for row in rows))
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', body) + chunk(b'IEND', b'')


@pytest.mark.parametrize('kind', ['PNG', 'TIFF'])
def test_sixteen_bits(kind: str) -> None:
    ids = IDS.astype(np.uint16) * 100
    stored = label_picture(data_of(Image.fromarray(ids), kind))
    assert stored.pixels.dtype == np.uint16 and stored.pixels.tolist() == ids.tolist() and stored.colors() is None


@pytest.mark.parametrize(
    ('kind', 'mode'), [('PNG', 'RGB'), ('PNG', 'RGBA'), ('TIFF', 'RGB'), ('TIFF', 'RGBA'), ('BMP', 'RGB')]
)
def test_colours_without_alpha(kind: str, mode: str) -> None:
    rgb = PALETTE[IDS]
    image = Image.fromarray(np.dstack([rgb, IDS]) if mode == 'RGBA' else rgb)
    stored = label_picture(data_of(image, kind))
    assert not stored.has_numbers and stored.pixels.tolist() == rgb.tolist()


@pytest.mark.parametrize('value', range(1, 9))
def test_indices_are_as_stored_whatever_the_orientation(value: int) -> None:
    data = data_of(palette_image(IDS), 'TIFF', tiffinfo={274: value})
    assert label_picture(data).pixels.tolist() == IDS.tolist()


def test_grey_with_alpha() -> None:
    image = Image.merge('LA', [Image.fromarray(IDS), Image.fromarray(255 - IDS)])
    stored = label_picture(data_of(image))
    assert stored.pixels.tolist() == IDS.tolist() and stored.palette is None


@pytest.mark.parametrize('kind', ['JPEG', 'WEBP'])
def test_what_loses_ids_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    path.write_bytes(data_of(Image.fromarray(IDS), kind))
    with pytest.raises(DataError, match=r'a\.png: cannot be read as labels: jpeg and webp change what they store'):
        read_label(path)


@pytest.mark.parametrize('mode', ['CMYK', 'F', 'I'])
def test_other_modes_are_refused(mode: str, tmp_path: Path) -> None:
    path = tmp_path / 'a.tif'
    path.write_bytes(data_of(Image.fromarray(IDS).convert(mode), 'TIFF'))
    with pytest.raises(DataError, match=f'a.tif: cannot be read as labels: .*found mode {mode}'):
        read_label(path)


@pytest.mark.parametrize('share', [0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize('kind', ['PNG', 'TIFF', 'BMP'])
def test_broken_files_are_named(share: float, kind: str, tmp_path: Path) -> None:
    path = tmp_path / 'a.png'
    data = data_of(palette_image(IDS), kind)
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DataError, match=r'a\.png: cannot be read as labels: '):
        read_label(path)
    with pytest.raises(DataError, match=r'none\.png: cannot be read: No such file'):
        read_label(tmp_path / 'none.png')
