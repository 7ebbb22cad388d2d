# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Ten thousand malformed messages, by a seeded generator, through the node's own way: queue, decoder, method."""

import re
import zlib
from array import array
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from davss_ros.core.model import Model
from davss_ros.core.node_config import NodeConfig
from davss_ros.ros.worker import Worker

MESSAGES, GOOD_EVERY = 10_000, 100
ALLOWED = 64e6  # bytes that the process may grow at its peak; images of the cases are of some kilobytes
PIXEL_BYTES = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'mono8': 1, 'mono16': 2, 'uyvy': 2, 'bayer_rggb8': 1}
HUGE = (8193, 2**16 - 1, 2**31, 2**32 - 1)
BMP_HEADER = 26  # bytes that tell the size
EITHER = ''  # damage that may leave an image

_Case = tuple[Any, str]  # a message, and how the complaint about it must begin


def choice(rng: Generator, options: Any) -> Any:
    return list(options)[rng.integers(len(options))]


def image(height: int, width: int, encoding: str, step: int, data: bytes) -> Image:
    message = Image(header=Header(frame_id='front'), height=height, width=width, encoding=encoding, step=step)
    message.data = array('B', data)
    return message


def compressed(data: bytes, form: str) -> CompressedImage:
    message = CompressedImage(header=Header(frame_id='front'), format=form)
    message.data = array('B', data)
    return message


def sides(rng: Generator) -> tuple[int, int]:
    return 2 * int(rng.integers(8, 17)), 2 * int(rng.integers(8, 17))


def wrong_step(rng: Generator) -> _Case:
    (height, width), encoding = sides(rng), choice(rng, PIXEL_BYTES)
    row = width * PIXEL_BYTES[encoding]
    if rng.random() < 0.5:
        return image(height, width, encoding, int(rng.integers(0, row)), rng.bytes(row * height)), 'step: '
    step = choice(rng, (row + 1, row + 64, 2 * row, 2**31, 2**32 - 1))
    return image(height, width, encoding, step, rng.bytes(row * height)), 'data: '


def wrong_amount(rng: Generator) -> _Case:
    (height, width), encoding = sides(rng), choice(rng, PIXEL_BYTES)
    row = width * PIXEL_BYTES[encoding]
    size = row * height + choice(rng, (-row * height, -row, -7, -1, 1, 7, row, 9 * row))
    return image(height, width, encoding, row, rng.bytes(size)), 'data: '


def wrong_size(rng: Generator) -> _Case:
    height, width = sides(rng)
    data = rng.bytes(3 * height * width)
    settings = [height, width]
    settings[rng.integers(2)] = choice(rng, (0, *HUGE))
    if rng.random() < 0.3:
        settings = [choice(rng, HUGE), choice(rng, HUGE)]
    step = choice(rng, (3 * width, min(3 * settings[1], 2**32 - 1), 0))
    return image(settings[0], settings[1], choice(rng, PIXEL_BYTES), step, data), 'size: '


def odd_size(rng: Generator) -> _Case:
    height, width = sides(rng)
    encoding = choice(rng, ('nv12', 'nv21', 'uyvy', 'yuyv', 'yuv422'))
    return image(height, width + 1, encoding, 2 * width + 2, rng.bytes((2 * width + 2) * height)), 'size: expected even'


def too_small(rng: Generator) -> _Case:
    height, width = int(rng.integers(1, 16)), int(rng.integers(1, 40))
    return image(height, width, 'rgb8', 3 * width, rng.bytes(3 * width * height)), 'frame: expected sides'


def unknown_encoding(rng: Generator) -> _Case:
    height, width = sides(rng)
    strange = ''.join(map(chr, rng.integers(33, 1000, 5)))
    encoding = choice(rng, ('', ' ', 'RGB8', 'rgb-8', 'jpeg', 'h264', '8UC9', '32FC7', '\t', 'rgb8\n', strange))
    return image(height, width, encoding, 3 * width, rng.bytes(3 * width * height)), 'encoding: '


def floats(rng: Generator) -> _Case:
    height, width = sides(rng)
    encoding, channels = choice(rng, (('32FC1', 1), ('32FC3', 3)))
    values = rng.choice(np.array([0, 1, np.nan, np.inf, -np.inf, 1e38], np.float32), (height, width * channels))
    return image(height, width, encoding, 4 * channels * width, values.tobytes()), 'encoding: '


def alpha_where_none_belongs(rng: Generator) -> _Case:
    height, width = sides(rng)
    encoding = choice(rng, ('rgb8', 'bgr8', 'mono8'))
    row = width * PIXEL_BYTES[encoding]
    return image(height, width, encoding, row, rng.bytes((row + width) * height)), 'data: '


def picture(rng: Generator, suffix: str, channels: int = 3) -> bytes:
    pixels = rng.integers(0, 256, (*sides(rng), channels), np.uint8)
    return bytes(cv2.imencode(suffix, pixels)[1].tobytes())


def with_png_size(data: bytes, height: int, width: int) -> bytes:
    """Declare another size, under a checksum that is right."""
    chunk = b'IHDR' + width.to_bytes(4, 'big') + height.to_bytes(4, 'big') + data[24:29]
    return data[:12] + chunk + zlib.crc32(chunk).to_bytes(4, 'big') + data[33:]


def with_jpeg_size(data: bytes, height: int, width: int) -> bytes:
    at = data.index(b'\xff\xc0') + 5
    return data[:at] + height.to_bytes(2, 'big') + width.to_bytes(2, 'big') + data[at + 4 :]


def declared_size(rng: Generator) -> _Case:
    if rng.random() < 0.5:
        height, width = (choice(rng, (24, 24, 0, *HUGE)) for _ in range(2))
        if (height, width) == (24, 24):
            height = 2**31 - 1
        return compressed(with_png_size(picture(rng, '.png'), height, width), 'png'), 'size: '
    settings = [24, 24]
    settings[rng.integers(2)] = choice(rng, (0, 8193, 2**16 - 1))
    return compressed(with_jpeg_size(picture(rng, '.jpg'), *settings), 'jpeg'), 'size: '


def cut_png(rng: Generator) -> _Case:
    data = picture(rng, '.png')
    return compressed(data[: rng.integers(0, len(data) - 12)], 'png'), 'data: '


def cut_jpeg(rng: Generator) -> _Case:
    data = picture(rng, '.jpg')
    at = int(rng.integers(0, len(data)))
    return compressed(data[:at], 'jpeg'), 'data: ' if at < data.index(b'\xff\xc0') else EITHER


def no_image(rng: Generator) -> _Case:
    starts = (b'', b'\xff', b'\xff\xd8', b'\x89PNG\r\n\x1a\n', b'GIF89a', b'BM', b'\xff\xd8\xff\xff\xff\xff')
    data = choice(rng, starts) + bytes(int(rng.integers(0, 64)))
    sized = data.startswith(b'BM') and len(data) >= BMP_HEADER  # of 0x0 px
    return compressed(data, choice(rng, ('jpeg', 'png', ''))), 'size: ' if sized else 'data: '


def flipped_bits(rng: Generator) -> _Case:
    suffix = choice(rng, ('.jpg', '.png'))
    data = bytearray(picture(rng, suffix))
    end = len(data) if rng.random() < 0.3 else min(180, len(data))  # mostly in the header
    for at in rng.integers(0, end, rng.integers(1, 9)):
        data[at] ^= 1 << rng.integers(8)
    return compressed(bytes(data), suffix[1:]), EITHER


def png_with_alpha(rng: Generator) -> _Case:
    return compressed(picture(rng, '.png', channels=4), 'png'), EITHER


CASES: tuple[Callable[[Generator], _Case], ...] = (
    wrong_step,
    wrong_amount,
    wrong_size,
    odd_size,
    too_small,
    unknown_encoding,
    floats,
    alpha_where_none_belongs,
    declared_size,
    cut_png,
    cut_jpeg,
    no_image,
    flipped_bits,
    png_with_alpha,
)


def good(rng: Generator, kind: type[Any], label: int) -> Any:
    """A frame that all of which has one label of the tiny model."""
    (height, width), shade = sides(rng), round((label + 0.5) * 255 / 11)
    if kind is CompressedImage:
        pixels = np.full((height, width), shade, np.uint8)
        return compressed(cv2.imencode('.png', pixels)[1].tobytes(), 'png')
    encoding = choice(rng, ('rgb8', 'bgr8', 'mono8', 'rgba8'))
    row = width * PIXEL_BYTES[encoding]
    padding = int(rng.integers(0, 9))
    rows = np.full((height, row + padding), shade, np.uint8)
    return image(height, width, encoding, row + padding, rows.tobytes())


def peak() -> int:
    """Most bytes that this process ever held, or held since `forget_peak`."""
    (kilobytes,) = re.findall(r'VmHWM:\s*(\d+) kB', Path('/proc/self/status').read_text())
    return int(kilobytes) * 1024


def forget_peak() -> None:
    """Begin anew, where the kernel lets us; elsewhere the peak of other tests hides some of ours."""
    with suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')


def test_malformed_messages_are_refused_by_reason_and_the_next_good_frame_is_served(
    tiny_model: Model, camera_of: Callable[..., Any]
) -> None:
    rng = np.random.default_rng(4)
    worker = Worker()
    cameras = {
        kind: camera_of(tiny_model, worker, name, node=NodeConfig(image_transport=name, policy='every_frame'))
        for kind, name in ((Image, 'raw'), (CompressedImage, 'compressed'))
    }
    worker.assign(tuple(cameras.values()), batching=False)
    sent: Counter[type] = Counter()
    left: Counter[type] = Counter()  # damage that left an image
    forget_peak()
    before = peak()
    for number in range(MESSAGES):
        is_good = number % GOOD_EVERY == GOOD_EVERY - 1
        message, expected = choice(rng, CASES)(rng)
        label = int(rng.integers(11))
        if is_good:
            message, expected = good(rng, type(message), label), EITHER
        camera = cameras[type(message)]
        sent[type(message)] += 1
        served, refused = len(camera.outputs.published), camera.statistics.report().unfinished.get('refused', 0)
        camera._receive(message)
        worker.serve()
        report = camera.statistics.report()
        assert report.received == sent[type(message)] and report.waiting == 0
        if len(camera.outputs.published) == served:
            assert report.unfinished == {'refused': refused + 1}
            assert not is_good, report.last_error
            complaint = f'{camera.name} (/{camera.name}/image'
            assert report.last_error.startswith(complaint), report.last_error
            assert f'): frame refused: {expected}' in report.last_error, (expected, report.last_error)
            assert re.search(r'refused: (\w+): (expected|broken|cut off|damaged)', report.last_error), report.last_error
        else:
            assert expected == EITHER, (expected, message)
            pixels, result, header = camera.outputs.published.pop()
            assert header is message.header
            assert pixels.shape == (*result.labels.shape, 3) and result.labels.max() < 11
            left[type(message)] += not is_good
            camera.outputs.published.append(None)
            if is_good:
                assert (result.labels == label).all()
    assert peak() - before < ALLOWED
    assert MESSAGES / 100 < sum(left.values()) < MESSAGES / 5  # the rest was refused
    for camera in cameras.values():
        report = camera.statistics.report()
        assert report.received > MESSAGES / 4
        assert report.received == report.published + report.unfinished['refused']
        assert report.failures == 0
        assert 1 <= len(camera._node.logged) < report.unfinished['refused'] / 20  # throttled
        assert all(line.startswith(camera.name) for line in camera._node.logged)
