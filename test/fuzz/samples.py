# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Small whole files of every kind that is read, to be damaged."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionFormat, CompressionMode
from rosbags.typesys import Stores, get_typestore
from safetensors.torch import save_file

STORE = get_typestore(Stores.ROS2_JAZZY)
HEIGHT, WIDTH, FRAMES = 24, 32, 6
CLASSES = Path(__file__).parents[2] / 'davss_ros' / 'classes' / 'camvid11.yaml'
RECIPE = 'data: somewhere\nout: elsewhere\nseed: 3\nkey: {network: deeplab_lite1, epochs: 2}\ndistortion: {epochs: 1}\n'


def pictures(rng: np.random.Generator) -> list[np.ndarray]:
    """Return frames, (H, W, 3) uint8, smooth enough to be compressed."""
    small = rng.integers(0, 256, (FRAMES, 4, 5, 3), np.uint8)
    return [cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) for image in small]


def _bag(folder: Path, rng: np.random.Generator, storage: StoragePlugin) -> Path:
    types = STORE.types
    raw, compressed = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
    packed = bool(rng.integers(2))
    path = folder / 'bag'
    writer = Writer(path, version=9, storage_plugin=storage)
    if storage == StoragePlugin.MCAP and rng.integers(2):
        writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    with writer:
        topic = writer.add_connection('/image', compressed if packed else raw, typestore=STORE)
        for number, picture in enumerate(pictures(rng)):
            stamp = types['builtin_interfaces/msg/Time'](1_700_000_000, number * 10**8)
            header = types['std_msgs/msg/Header'](stamp, 'camera')
            if packed:
                message: Any = types[compressed](header, 'jpeg', cv2.imencode('.jpg', picture)[1].ravel())
            else:
                message = types[raw](header, HEIGHT, WIDTH, 'rgb8', 0, 3 * WIDTH, picture.ravel())
            when = stamp.sec * 10**9 + stamp.nanosec
            writer.write(topic, when, STORE.serialize_cdr(message, message.__msgtype__))
    return path


def _storage(folder: Path, rng: np.random.Generator, storage: StoragePlugin) -> Path:
    return next(path for path in _bag(folder, rng, storage).iterdir() if path.name != 'metadata.yaml')


def _video(folder: Path, rng: np.random.Generator, name: str, codec: str) -> Path:
    path = folder / name
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 10.0, (WIDTH, HEIGHT))
    for picture in pictures(rng):
        writer.write(picture)
    writer.release()
    return path


def _encoded(folder: Path, name: str, picture: np.ndarray, *options: int) -> Path:
    cv2.imwrite(str(folder / name), picture, options)
    return folder / name


def _label(folder: Path, rng: np.random.Generator) -> Path:
    image = Image.fromarray(rng.integers(0, 11, (HEIGHT, WIDTH)).astype(np.uint8), 'L')
    if rng.integers(2):
        image.putpalette(rng.integers(0, 256, 33).astype(np.uint8).tobytes())
    image.save(folder / 'label.png')
    return folder / 'label.png'


def _tensors(rng: np.random.Generator) -> dict[str, torch.Tensor]:
    names = [f'dmnet.conv{number}.{part}' for number in range(3) for part in ('weight', 'bias')]
    return {name: torch.from_numpy(rng.random((16, 9), np.float32)) for name in names}


def _safetensors(folder: Path, rng: np.random.Generator) -> Path:
    save_file(_tensors(rng), folder / 'weights.safetensors', metadata={'note': 'none'})
    return folder / 'weights.safetensors'


def _checkpoint(folder: Path, rng: np.random.Generator) -> Path:
    buffer = io.BytesIO()
    state = {'state_dict': _tensors(rng), 'epoch': 3, 'best': 0.5}
    torch.save(state, buffer, _use_new_zipfile_serialization=bool(rng.integers(2)))
    (folder / 'weights.pth').write_bytes(buffer.getvalue())
    return folder / 'weights.pth'


def _yaml(folder: Path, rng: np.random.Generator) -> Path:
    if rng.integers(2):
        (folder / 'classes.yaml').write_bytes(CLASSES.read_bytes())
        return folder / 'classes.yaml'
    (folder / 'recipe.yaml').write_text(RECIPE)
    return folder / 'recipe.yaml'


# kind -> writes a whole file into an empty folder and returns the one to damage
KINDS: dict[str, Callable[[Path, np.random.Generator], Path]] = {
    'mcap': lambda folder, rng: _storage(folder, rng, StoragePlugin.MCAP),
    'db3': lambda folder, rng: _storage(folder, rng, StoragePlugin.SQLITE3),
    'metadata': lambda folder, rng: _bag(folder, rng, StoragePlugin.MCAP) / 'metadata.yaml',
    'mp4': lambda folder, rng: _video(folder, rng, 'video.mp4', 'mp4v'),
    'avi': lambda folder, rng: _video(folder, rng, 'video.avi', 'MJPG'),
    'png': lambda folder, rng: _encoded(folder, 'picture.png', pictures(rng)[0]),
    'jpeg': lambda folder, rng: _encoded(
        folder, 'picture.jpg', pictures(rng)[0], cv2.IMWRITE_JPEG_PROGRESSIVE, int(rng.integers(2))
    ),
    'webp': lambda folder, rng: _encoded(folder, 'picture.webp', pictures(rng)[0]),
    'tiff': lambda folder, rng: _encoded(folder, 'picture.tiff', pictures(rng)[0]),
    'label': _label,
    'safetensors': _safetensors,
    'pth': _checkpoint,
    'yaml': _yaml,
}
