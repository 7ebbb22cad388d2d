# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import io
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from davss_ros.errors import FrameError
from davss_ros.images.bit_depth import BitDepth
from davss_ros.images.messages import ENCODINGS, LARGEST_SIDE, decode

ROOT = Path(__file__).parents[2]
HEIGHT, WIDTH = 6, 10
Bytes = NDArray[np.uint8]


def message(rows: Bytes, size: tuple[int, int], encoding: str, big: bool = False) -> SimpleNamespace:
    return SimpleNamespace(
        height=size[0], width=size[1], step=rows.shape[1], encoding=encoding, is_bigendian=int(big), data=rows.tobytes()
    )


def noise(*shape: int) -> Bytes:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def video_rgb(y: float, u: float, v: float) -> list[float]:  # ITU-R BT.601, studio range
    luma, blue, red = (float(y) - 16) * 255 / 219, (float(u) - 128) * 255 / 224, (float(v) - 128) * 255 / 224
    green = -(0.299 * 1.402 * red + 0.114 * 1.772 * blue) / 0.587
    return [min(255.0, max(0.0, c)) for c in (luma + 1.402 * red, luma + green, luma + 1.772 * blue)]


def packed(encoding: str) -> tuple[Bytes, Bytes]:
    """Return rows and RGB of noise; of 16 bits, little-endian, the low byte is noise as well."""
    rgb, alpha = noise(HEIGHT, WIDTH, 3), noise(HEIGHT, WIDTH, 1)
    red, green, blue = np.split(rgb, 3, 2)
    orders = {'rgb': [red, green, blue], 'bgr': [blue, green, red], '3': [blue, green, red]}
    orders |= {'rgba': [*orders['rgb'], alpha], 'bgra': [*orders['bgr'], alpha], '4': [*orders['3'], alpha]}
    order = encoding.partition('UC')[2] or encoding.rstrip('168')
    channels = np.concatenate(orders[order], 2)
    if '16' in encoding:
        channels = np.stack([noise(*channels.shape) // 3, channels], 3)
    return channels.reshape(HEIGHT, -1), rgb


def grey(encoding: str, big: bool = False) -> tuple[Bytes, Bytes]:
    value, low = noise(HEIGHT, WIDTH), noise(HEIGHT, WIDTH) // 2
    both = {'mono8': [value], '8UC1': [value]}.get(encoding, [value, low] if big else [low, value])
    return np.stack(both, 2).reshape(HEIGHT, -1), np.stack([value] * 3, 2)


def bayer(encoding: str, color: tuple[int, int, int]) -> tuple[Bytes, Bytes]:
    letters = encoding.removeprefix('bayer_')[:4]  # colours of the first row, then the second
    mosaic = np.zeros((HEIGHT, WIDTH), np.uint8)
    for number, letter in enumerate(letters):
        mosaic[number // 2 :: 2, number % 2 :: 2] = color['rgb'.index(letter)]
    if encoding.endswith('16'):
        return np.stack([mosaic // 2, mosaic], 2).reshape(HEIGHT, -1), np.broadcast_to(
            np.array(color, np.uint8), (HEIGHT, WIDTH, 3)
        )
    return mosaic, np.broadcast_to(np.array(color, np.uint8), (HEIGHT, WIDTH, 3))


def yuv(encoding: str) -> tuple[Bytes, Bytes]:
    rng = np.random.default_rng(1)
    y = rng.integers(16, 236, (HEIGHT, WIDTH), np.uint8)
    if encoding == 'nv24':
        u, v = rng.integers(90, 160, (2, HEIGHT, WIDTH), np.uint8)
        rows = np.concatenate([y, np.stack([u, v], 2).reshape(2 * HEIGHT, WIDTH)])
        rgb = [[video_rgb(y[r, c], u[r, c], v[r, c]) for c in range(WIDTH)] for r in range(HEIGHT)]
        return rows, np.rint(rgb).astype(np.uint8)
    planar = encoding.startswith('nv')
    u, v = rng.integers(90, 160, (2, HEIGHT // 2 if planar else HEIGHT, WIDTH // 2), np.uint8)
    if planar:
        first, second = (u, v) if encoding == 'nv12' else (v, u)
        rows = np.concatenate([y, np.stack([first, second], 2).reshape(HEIGHT // 2, WIDTH)])
    else:
        order = [u, y[:, ::2], v, y[:, 1::2]] if encoding in ('yuv422', 'uyvy') else [y[:, ::2], u, y[:, 1::2], v]
        rows = np.stack(order, 2).reshape(HEIGHT, 2 * WIDTH)
    u, v = (np.repeat(np.repeat(plane, HEIGHT // len(plane), 0), 2, 1) for plane in (u, v))
    rgb = [
        [video_rgb(y[at], u[at], v[at]) for at in zip([r] * WIDTH, range(WIDTH), strict=True)] for r in range(HEIGHT)
    ]
    return rows, np.rint(rgb).astype(np.uint8)


def example(encoding: str) -> tuple[Bytes, Bytes, int]:
    if encoding.startswith(('rgb', 'bgr')) or encoding in ('8UC3', '8UC4', '16UC3', '16UC4'):
        return *packed(encoding), 0
    if encoding.startswith('bayer'):
        return *bayer(encoding, (210, 120, 30)), 0
    if encoding.startswith('mono') or encoding in ('8UC1', '16UC1'):
        return *grey(encoding), 0
    return *yuv(encoding), 2


def close(image: Bytes, expected: Bytes, tolerance: int) -> bool:
    return image.dtype == np.uint8 and bool((abs(image.astype(int) - expected) <= tolerance).all())


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_decodes_as_defined(encoding: str) -> None:
    rows, expected, tolerance = example(encoding)
    assert close(decode(message(rows, (HEIGHT, WIDTH), encoding), BitDepth(16)), expected, tolerance)


@pytest.mark.parametrize('encoding', ENCODINGS)
@pytest.mark.parametrize('last_padded', [True, False])
def test_padding_is_skipped(encoding: str, last_padded: bool) -> None:
    rows, expected, tolerance = example(encoding)
    wide = np.concatenate([rows, np.full((len(rows), 5), 222, np.uint8)], 1)
    padded, padding = message(wide, (HEIGHT, WIDTH), encoding), 5
    if encoding == 'nv24':  # a row of UV is twice as long, and so is its padding
        chroma = np.concatenate([rows[HEIGHT:].reshape(HEIGHT, -1), np.full((HEIGHT, 10), 222, np.uint8)], 1)
        padded.data, padding = wide[:HEIGHT].tobytes() + chroma.tobytes(), 10
    if not last_padded:
        padded.data = padded.data[:-padding]
    assert close(decode(padded, BitDepth(16)), expected, tolerance)


@pytest.mark.parametrize('encoding', [e for e in ENCODINGS if '16' in e])
def test_either_byte_order(encoding: str) -> None:
    rows, expected, _ = example(encoding)
    swapped = rows.reshape(-1, 2)[:, ::-1].reshape(rows.shape)
    assert close(decode(message(swapped, (HEIGHT, WIDTH), encoding, big=True), BitDepth(16)), expected, 0)


@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize('color', [(255, 0, 0), (0, 255, 0), (0, 0, 255)])
def test_flat_bayer_scene(pattern: str, color: tuple[int, int, int]) -> None:
    rows, expected = bayer(f'bayer_{pattern}8', color)
    image = decode(message(rows, (HEIGHT, WIDTH), f'bayer_{pattern}8'))
    assert close(image[2:-2, 2:-2], expected[2:-2, 2:-2], 0)


@pytest.mark.parametrize('kind', [bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
def test_any_buffer(kind: Callable[[bytes], object]) -> None:  # bytes, and so the array over them, are read-only
    rows, expected = packed('bgr8')
    settings = message(rows, (HEIGHT, WIDTH), 'bgr8')
    settings.data = kind(settings.data)
    assert close(decode(settings), expected, 0)


def compressed(form: str, pixels: Bytes, suffix: str = '.png') -> SimpleNamespace:
    return SimpleNamespace(format=form, data=cv2.imencode(suffix, pixels)[1].tobytes())


@pytest.mark.parametrize(('suffix', 'tolerance'), [('.png', 0), ('.jpg', 40), ('.tiff', 0), ('.webp', 40), ('.bmp', 0)])
def test_compressed_images(suffix: str, tolerance: int) -> None:
    rgb = cv2.resize(noise(3, 4, 3), (64, 48), interpolation=cv2.INTER_CUBIC)
    assert close(decode(compressed(suffix, rgb[..., ::-1], suffix)), rgb, tolerance)


@pytest.mark.parametrize(
    ('form', 'order'),
    [  # of the file's channels, as compressed_image_transport's subscriber takes them
        ('jpeg', 'rgb'),
        ('png', 'rgb'),
        ('', 'rgb'),
        ('rgb8', 'rgb'),
        ('rgb8; jpeg compressed bgr8', 'rgb'),
        ('bgr8; jpeg compressed bgr8', 'rgb'),
        ('bgra8; png compressed bgr8', 'rgb'),
        ('rgb8; jpeg compressed rgb8', 'bgr'),
        ('bgr8; jpeg compressed rgb8', 'bgr'),
        ('rgb8; png compressed ', 'bgr'),
        ('rgba16; png compressed ', 'bgr'),
        ('bayer_rggb8; jpeg compressed bgr8', 'rgb'),
        ('yuv422; jpeg compressed bgr8', 'rgb'),
        ('mono8; jpeg compressed mono8', 'rgb'),
    ],
)
def test_format_says_the_order_of_the_channels(form: str, order: str) -> None:
    rgb = noise(HEIGHT, WIDTH, 3)
    stored = rgb[..., ::-1] if order == 'rgb' else rgb  # OpenCV writes blue first
    assert close(decode(compressed(form, stored)), rgb, 0)


@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize('bits', [8, 16])
def test_a_mosaic_in_a_png(pattern: str, bits: int) -> None:
    rows, _ = bayer(f'bayer_{pattern}8', (210, 120, 30))
    expected = decode(message(rows, (HEIGHT, WIDTH), f'bayer_{pattern}8'))
    stored = rows if bits == 8 else rows.astype(np.uint16) << 8
    assert close(decode(compressed(f'bayer_{pattern}{bits}; png compressed ', stored), BitDepth(16)), expected, 0)


@pytest.mark.parametrize('bits', [10, 12, 14])
def test_sixteen_bits_on_the_wire_go_by_the_bit_depth_of_the_stream(bits: int) -> None:
    grey16 = np.random.default_rng(5).integers(0, 2**bits, (HEIGHT, WIDTH)).astype(np.uint16)
    grey16[0, 0] = 2**bits - 1
    rgb16 = np.dstack([grey16, grey16 // 2, grey16 // 4])
    expected = (rgb16 >> (bits - 8)).astype(np.uint8)
    lines: list[str] = []
    depth = BitDepth(say=lines.append)
    settings = [
        message(rgb16.astype('<u2').view(np.uint8).reshape(HEIGHT, -1), (HEIGHT, WIDTH), 'rgb16'),
        message(rgb16.astype('>u2').view(np.uint8).reshape(HEIGHT, -1), (HEIGHT, WIDTH), 'rgb16', big=True),
        compressed('rgb16; png compressed bgr16', rgb16[..., ::-1]),
        compressed('rgb16; tiff compressed bgr16', rgb16[..., ::-1], '.tiff'),
    ]
    assert all(close(decode(setting, depth), expected, 0) for setting in settings)
    mono = message(grey16.astype('<u2').view(np.uint8).reshape(HEIGHT, -1), (HEIGHT, WIDTH), 'mono16')
    assert close(decode(mono, depth), np.repeat(expected[..., :1], 3, 2), 0)
    assert len(lines) == 1 and f'{bits} of 16 bits' in lines[0]


def test_depth_is_no_picture_unless_its_bits_are_set() -> None:
    rows, expected = grey('16UC1')
    raw = message(rows, (HEIGHT, WIDTH), '16UC1')
    png = compressed('16UC1; png compressed ', rows.view('<u2').reshape(HEIGHT, WIDTH))
    for settings in (raw, png):
        with pytest.raises(FrameError, match='16UC1 is taken for depth, no picture; if it is one, set bit_depth'):
            decode(settings, BitDepth())
        assert close(decode(settings, BitDepth(16)), expected, 0)
    for name in ('32FC1', '64FC1'):
        with pytest.raises(FrameError, match=f'found {name}, which is depth'):
            decode(message(noise(HEIGHT, 8 * WIDTH), (HEIGHT, WIDTH), name), BitDepth(16))
    with pytest.raises(FrameError, match='found depth'):
        decode(SimpleNamespace(format='16UC1; compressedDepth png', data=bytes(40)), BitDepth(16))


@pytest.mark.parametrize('encoding', ['yuv420', '32FC3', '8SC1', 'jpeg', 'x' * 500])
def test_a_refusal_is_one_short_line(encoding: str) -> None:
    with pytest.raises(FrameError) as error:
        decode(message(noise(HEIGHT, 12 * WIDTH), (HEIGHT, WIDTH), encoding))
    assert len(str(error.value)) < 200 and '\n' not in str(error.value)


def test_pixels_on_the_wire_are_as_stored() -> None:
    rgb = noise(HEIGHT, WIDTH, 3)
    exif = Image.Exif()
    exif[274] = 6
    for kind, form in (('PNG', 'rgb8; png compressed bgr8'), ('TIFF', 'tiff'), ('WEBP', 'webp')):
        buffer = io.BytesIO()
        options = {'tiffinfo': {274: 6}} if kind == 'TIFF' else {'exif': exif, 'lossless': True}
        Image.fromarray(rgb).save(buffer, kind, **options)
        assert close(decode(SimpleNamespace(format=form, data=buffer.getvalue())), rgb, 0)


@pytest.mark.parametrize(
    ('changes', 'field'),
    [
        ({'step': 29}, 'step'),
        ({'step': 0}, 'step'),
        ({'step': 31}, 'data'),
        ({'step': 2**32 - 1}, 'data'),
        ({'data': bytes(179)}, 'data'),
        ({'data': bytes(181)}, 'data'),
        ({'data': b''}, 'data'),
        ({'height': 0}, 'size'),
        ({'width': 0}, 'size'),
        ({'height': LARGEST_SIDE + 1}, 'size'),
        ({'width': 2**32 - 1, 'height': 2**32 - 1}, 'size'),
        ({'encoding': 'jpeg'}, 'encoding'),
        ({'encoding': ''}, 'encoding'),
    ],
)
def test_malformed_image_is_named(changes: dict[str, object], field: str) -> None:
    fields = {'height': 6, 'width': 10, 'step': 30, 'encoding': 'rgb8', 'is_bigendian': 0, 'data': bytes(180)}
    assert decode(SimpleNamespace(**fields)).shape == (6, 10, 3)
    with pytest.raises(FrameError, match=f'^{field}: expected'):
        decode(SimpleNamespace(**{**fields, **changes}))


@pytest.mark.parametrize('encoding', [e for e in ENCODINGS if e.startswith(('nv1', 'nv21', 'yuv', 'uyvy', 'yuyv'))])
@pytest.mark.parametrize('size', [(6, 9), (5, 10)])
def test_odd_sides_of_subsampled_encodings(encoding: str, size: tuple[int, int]) -> None:
    rows = np.zeros((size[0] * 3 // 2 if encoding.startswith('nv') else size[0], 2 * size[1]), np.uint8)
    if size[0] % 2 and encoding.startswith(('yuv', 'uyvy', 'yuyv')):  # subsampled along the rows only
        assert decode(message(rows, size, encoding)).shape == (*size, 3)
        return
    with pytest.raises(FrameError, match=r'^size: expected even'):
        decode(message(rows, size, encoding))


@pytest.mark.parametrize('encoding', [e for e in ENCODINGS if e.startswith('bayer')])
@pytest.mark.parametrize('size', [(9, 14), (10, 13), (9, 13)])
def test_odd_sides_of_a_mosaic(encoding: str, size: tuple[int, int]) -> None:
    """As of a larger picture, but for the edge."""
    shades = noise(10, 14, 1)[..., 0]
    wide = encoding.endswith('16')
    whole = shades.astype(np.uint16) * 257 if wide else shades
    part = np.ascontiguousarray(whole[: size[0], : size[1]])
    found = decode(message(part.view(np.uint8), size, encoding))
    expected = decode(message(whole.view(np.uint8), (10, 14), encoding))
    np.testing.assert_array_equal(found[1:-1, 1:-1], expected[1 : size[0] - 1, 1 : size[1] - 1])


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize('share', [0.0, 0.01, 0.5, 0.95])
def test_cut_off_compressed_image(suffix: str, share: float) -> None:
    data = cv2.imencode(suffix, noise(48, 64, 3))[1].tobytes()
    with pytest.raises(FrameError, match=r'^data: '):
        decode(SimpleNamespace(format='jpeg', data=data[: int(len(data) * share)]))


def test_compressed_image_beyond_the_largest_side() -> None:
    data = cv2.imencode('.png', np.zeros((1, LARGEST_SIDE + 1), np.uint8))[1].tobytes()
    with pytest.raises(FrameError, match=r'^size: '):
        decode(SimpleNamespace(format='png', data=data))


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_false_sizes_in_a_compressed_image_take_no_memory(suffix: str) -> None:
    data = cv2.imencode(suffix, noise(16, 24, 3))[1].tobytes()
    at = data.index(b'\xff\xc0') + 5 if suffix == '.jpg' else 33
    false = struct.pack('>HH', 9000, 9000) if suffix == '.jpg' else struct.pack('>I', 2**28)  # sides; a chunk's length
    code = """import sys; from types import SimpleNamespace; from resource import RUSAGE_SELF, getrusage
from davss_ros.images.bit_depth import BitDepth
from davss_ros.images.messages import FrameError, decode
message, before = SimpleNamespace(format='', data=sys.stdin.buffer.read()), getrusage(RUSAGE_SELF).ru_maxrss
try: decode(message)
except FrameError: print(getrusage(RUSAGE_SELF).ru_maxrss - before)"""
    settings = data[:at] + false + data[at + 4 :]
    done = subprocess.run([sys.executable, '-c', code], input=settings, capture_output=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 50_000  # KiB


def test_random_raw_messages_decode_or_raise() -> None:
    rng = np.random.default_rng(2)
    decoded = 0
    for _ in range(6000):
        encoding = str(rng.choice([*ENCODINGS, 'yuv420', '32FC1', '\0']))
        height, width = (int(rng.choice([0, 1, 2, 3, 4, 7, 8, 9, 16, 9000, 2**32 - 1])) for _ in range(2))
        step = int(rng.choice([width, 2 * width, 3 * width, 4 * width, 0, 5, 2**32 - 1])) + int(rng.integers(0, 3))
        rows = height * 3 // int(rng.choice([1, 2])) if rng.random() < 0.3 else height
        size = min(max(0, step * rows + int(rng.choice([0, 0, 0, -1, 1, -step]))), 4000)
        settings = SimpleNamespace(
            height=height,
            width=width,
            step=step,
            encoding=encoding,
            is_bigendian=int(rng.integers(0, 3)),
            data=rng.bytes(size),
        )
        try:
            image = decode(settings)
        except FrameError:
            continue
        decoded += 1
        assert image.shape == (height, width, 3) and image.dtype == np.uint8
    assert decoded > 200  # the well-formed ones among them


def test_random_compressed_messages_decode_or_raise() -> None:
    rng = np.random.default_rng(3)
    whole = [cv2.imencode(suffix, noise(16, 24, 3))[1].ravel() for suffix in ('.jpg', '.png')]
    sof = whole[0].tobytes().index(b'\xff\xc0')
    kept = [np.arange(sof + 5, sof + 9), np.r_[16:24, 33:37]]  # height and width; length of the PNG's next chunk
    decoded = 0
    for turn in range(2000):
        kind = turn % 2
        data = whole[kind].copy()
        at = rng.integers(0, len(data), rng.integers(1, 6))
        data[at] = rng.integers(0, 256, len(at))
        data[kept[kind]] = whole[kind][kept[kind]]
        try:
            image = decode(SimpleNamespace(format='', data=data.tobytes()))
        except FrameError:
            continue
        decoded += 1
        assert image.shape == (16, 24, 3) and image.dtype == np.uint8
    assert decoded > 200
