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

from davss_ros.errors import FrameError
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
    rgb, alpha = noise(HEIGHT, WIDTH, 3), noise(HEIGHT, WIDTH, 1)
    red, green, blue = np.split(rgb, 3, 2)
    channels = {
        'rgb8': [red, green, blue],
        'bgr8': [blue, green, red],
        '8UC3': [blue, green, red],
        'rgba8': [red, green, blue, alpha],
        'bgra8': [blue, green, red, alpha],
        '8UC4': [blue, green, red, alpha],
    }[encoding]
    return np.concatenate(channels, 2).reshape(HEIGHT, -1), rgb


def grey(encoding: str, big: bool = False) -> tuple[Bytes, Bytes]:
    value, low = noise(HEIGHT, WIDTH), noise(HEIGHT, WIDTH) // 2
    both = {'mono8': [value], '8UC1': [value]}.get(encoding, [value, low] if big else [low, value])
    return np.stack(both, 2).reshape(HEIGHT, -1), np.stack([value] * 3, 2)


def bayer(encoding: str, color: tuple[int, int, int]) -> tuple[Bytes, Bytes]:
    letters = encoding.removeprefix('bayer_').removesuffix('8')  # colours of the first row, then the second
    mosaic = np.zeros((HEIGHT, WIDTH), np.uint8)
    for place, letter in enumerate(letters):
        mosaic[place // 2 :: 2, place % 2 :: 2] = color['rgb'.index(letter)]
    return mosaic, np.broadcast_to(np.array(color, np.uint8), (HEIGHT, WIDTH, 3))


def yuv(encoding: str) -> tuple[Bytes, Bytes]:
    rng = np.random.default_rng(1)
    y = rng.integers(16, 236, (HEIGHT, WIDTH), np.uint8)
    planar = encoding.startswith('nv')
    u, v = rng.integers(90, 160, (2, HEIGHT // 2 if planar else HEIGHT, WIDTH // 2), np.uint8)
    if planar:
        first, second = (u, v) if encoding == 'nv12' else (v, u)
        rows = np.concatenate([y, np.stack([first, second], 2).reshape(HEIGHT // 2, WIDTH)])
    else:
        order = [u, y[:, ::2], v, y[:, 1::2]] if encoding in ('yuv422', 'uyvy') else [y[:, ::2], u, y[:, 1::2], v]
        rows = np.stack(order, 2).reshape(HEIGHT, 2 * WIDTH)
    u, v = (np.repeat(np.repeat(one, HEIGHT // len(one), 0), 2, 1) for one in (u, v))
    rgb = [
        [video_rgb(y[at], u[at], v[at]) for at in zip([r] * WIDTH, range(WIDTH), strict=True)] for r in range(HEIGHT)
    ]
    return rows, np.rint(rgb).astype(np.uint8)


def example(encoding: str) -> tuple[Bytes, Bytes, int]:
    if encoding.startswith(('rgb', 'bgr')) or encoding in ('8UC3', '8UC4'):
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
    assert close(decode(message(rows, (HEIGHT, WIDTH), encoding)), expected, tolerance)


@pytest.mark.parametrize('encoding', ENCODINGS)
@pytest.mark.parametrize('last_padded', [True, False])
def test_padding_is_skipped(encoding: str, last_padded: bool) -> None:
    rows, expected, tolerance = example(encoding)
    wide = np.concatenate([rows, np.full((len(rows), 5), 222, np.uint8)], 1)
    padded = message(wide, (HEIGHT, WIDTH), encoding)
    if not last_padded:
        padded.data = padded.data[:-5]
    assert close(decode(padded), expected, tolerance)


@pytest.mark.parametrize('encoding', ['mono16', '16UC1'])
def test_high_byte_of_either_order(encoding: str) -> None:
    rows, expected = grey(encoding, big=True)
    assert close(decode(message(rows, (HEIGHT, WIDTH), encoding, big=True)), expected, 0)


@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize('color', [(255, 0, 0), (0, 255, 0), (0, 0, 255)])
def test_flat_bayer_scene(pattern: str, color: tuple[int, int, int]) -> None:
    rows, expected = bayer(f'bayer_{pattern}8', color)
    image = decode(message(rows, (HEIGHT, WIDTH), f'bayer_{pattern}8'))
    assert close(image[2:-2, 2:-2], expected[2:-2, 2:-2], 0)


@pytest.mark.parametrize('kind', [bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
def test_any_buffer(kind: Callable[[bytes], object]) -> None:  # bytes, and so the array over them, are read-only
    rows, expected = packed('bgr8')
    given = message(rows, (HEIGHT, WIDTH), 'bgr8')
    given.data = kind(given.data)
    assert close(decode(given), expected, 0)


def test_png_is_exact_and_jpeg_near() -> None:
    rgb = cv2.resize(noise(3, 4, 3), (64, 48), interpolation=cv2.INTER_CUBIC)
    for suffix, tolerance in (('.png', 0), ('.jpg', 40)):
        data = cv2.imencode(suffix, rgb[..., ::-1])[1].tobytes()
        assert close(decode(SimpleNamespace(format=suffix, data=data)), rgb, tolerance)


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


@pytest.mark.parametrize('encoding', [e for e in ENCODINGS if e.startswith(('bayer', 'nv', 'yuv', 'uyvy', 'yuyv'))])
@pytest.mark.parametrize('size', [(6, 9), (5, 10)])
def test_odd_sides_of_subsampled_encodings(encoding: str, size: tuple[int, int]) -> None:
    rows = np.zeros((size[0] * 3 // 2 if encoding.startswith('nv') else size[0], 2 * size[1]), np.uint8)
    if size[0] % 2 and encoding.startswith(('yuv', 'uyvy', 'yuyv')):  # subsampled along the rows only
        assert decode(message(rows, size, encoding)).shape == (*size, 3)
        return
    with pytest.raises(FrameError, match=r'^size: expected even'):
        decode(message(rows, size, encoding))


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
from davss_ros.images.messages import FrameError, decode
message, before = SimpleNamespace(format='', data=sys.stdin.buffer.read()), getrusage(RUSAGE_SELF).ru_maxrss
try: decode(message)
except FrameError: print(getrusage(RUSAGE_SELF).ru_maxrss - before)"""
    given = data[:at] + false + data[at + 4 :]
    done = subprocess.run([sys.executable, '-c', code], input=given, capture_output=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 50_000  # KiB


def test_random_raw_messages_decode_or_raise() -> None:
    rng = np.random.default_rng(2)
    decoded = 0
    for _ in range(4000):
        encoding = str(rng.choice([*ENCODINGS, 'yuv420', 'rgb16', '32FC1', '\0']))
        height, width = (int(rng.choice([0, 1, 2, 3, 4, 7, 8, 9, 16, 9000, 2**32 - 1])) for _ in range(2))
        step = int(rng.choice([width, 2 * width, 3 * width, 4 * width, 0, 5, 2**32 - 1])) + int(rng.integers(0, 3))
        rows = height * 3 // 2 if rng.random() < 0.3 else height
        size = min(max(0, step * rows + int(rng.choice([0, 0, 0, -1, 1, -step]))), 4000)
        given = SimpleNamespace(
            height=height,
            width=width,
            step=step,
            encoding=encoding,
            is_bigendian=int(rng.integers(0, 3)),
            data=rng.bytes(size),
        )
        try:
            image = decode(given)
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
