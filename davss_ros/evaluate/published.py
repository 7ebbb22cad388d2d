# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The published networks, in the published order of operations and in ours, at the size of the paper's frames."""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from davss_ros.core.classes import load_classes
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.engines.device import choose_device
from davss_ros.evaluate.contest import ratio
from davss_ros.evaluate.plain import PUBLISHED, PlainDavss, published_networks
from davss_ros.networks.weights import Weights, write_weights

SIZE = (512, 1024)  # px, height and width
CLASSES = 'cityscapes19'
FEWEST = 5  # frames that are timed
NEVER = 1000  # frames from key frame to key frame


def published_times(config: SegmenterConfig, rounds: int, size: tuple[int, int] = SIZE) -> dict[str, dict[str, float]]:
    """Return for float32 and for ``auto``, where that is something else, what a non-key frame takes in either order.

    ``plain`` and ``ours``: median ms; ``ratio``: of them; ``agreement``: share of the pixels with equal labels. The
    networks have weights of chance. The two take turns, frame by frame.

    Args:
        config: device and engine.
        rounds: non-key frames, but `FEWEST` at least, after one that does not count.
        size: (height, width) of the frames.
    """
    classes = load_classes(CLASSES)
    networks = published_networks(len(classes))
    device = choose_device(config.device)
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'published.safetensors'
        states = {role: network.state_dict() for role, network in networks.items()}
        write_weights(path, Weights('', PUBLISHED, states, classes), torch.float32)
        plain = PlainDavss({role: network.to(device) for role, network in networks.items()}, device)
        for precision in ('float32', 'auto'):
            own = SegmenterConfig(
                weights=str(path),
                device=config.device,
                engine=config.engine,
                precision=precision,
                working_height=0,
                key_interval=NEVER,
                cut_distortion=1.0,
            )
            ours = VideoSegmenter(own)
            if precision == 'auto' and ours.model.precision == torch.float32:
                break
            ours.warm_up(size)
            found[precision] = _compared(plain, ours, _frames(2 + max(rounds, FEWEST), size))
    return found


def _compared(plain: PlainDavss, ours: VideoSegmenter, frames: list[NDArray[np.uint8]]) -> dict[str, float]:
    times: dict[str, list[float]] = {'plain': [], 'ours': []}
    equal = []
    for number, frame in enumerate(frames):
        start = time.perf_counter()
        expected = plain.step(frame, key=number == 0)
        middle = time.perf_counter()
        labels = ours.step(frame).labels
        if number > 1:  # the first one between key frames allocates
            times['plain'].append(1000 * (middle - start))
            times['ours'].append(1000 * (time.perf_counter() - middle))
            equal.append(float((labels == expected).mean()))
    medians = {name: float(np.median(values)) for name, values in times.items()}
    return {
        **{name: round(value, 2) for name, value in medians.items()},
        'ratio': ratio(medians['plain'], medians['ours']),
        'agreement': round(float(np.mean(equal)), 6),
    }


def _frames(count: int, size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Return frames of a scene that moves 4 px a frame."""
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 255, (size[0] // 16 + 1, size[1] // 16 + count, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    return [np.ascontiguousarray(scene[: size[0], 4 * t : 4 * t + size[1]]) for t in range(count)]
