# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""How frames of several cameras are served: by how many workers, and whether in batches.

Whether one batch is faster than frame by frame depends on the device, so it is tried out.
"""

import math
import time
from dataclasses import replace

import numpy as np

from davss_ros.core.config import SegmenterConfig, keyed_every
from davss_ros.core.model import Model
from davss_ros.core.node_config import NodeConfig
from davss_ros.core.segmenter import VideoSegmenter, step_together
from davss_ros.core.timing import wait_for

ROUNDS = 4
CLEARLY = 0.9  # share of the time


def worker_count(config: NodeConfig, cameras: int, cores: int, *, on_cpu: bool) -> int:
    """Return how many workers serve that many cameras; 0, the default: as many as share cameras and cores evenly.

    Of three cameras and two workers the one that has a worker to itself would get twice the frames of the others. One
    worker on CUDA, which it keeps busy, and if there are to be batches, which are of frames that one worker serves.
    """
    if config.workers:
        return min(config.workers, cameras)
    return math.gcd(cameras, cores) if on_cpu and config.batching != 'always' else 1


def faster_together(config: SegmenterConfig, model: Model, count: int, size: tuple[int, int] = (480, 640)) -> bool:
    """Return whether ``count`` frames of that (height, width) take clearly less time as one batch."""
    return together_ratio(config, model, count, size) < CLEARLY


def together_ratio(config: SegmenterConfig, model: Model, count: int, size: tuple[int, int]) -> float:
    """Return the time of ``count`` non-key frames as one batch, relative to one after the other; noise as images.

    All frames have a look, as otherwise batches might have them and single frames not.
    """
    model = replace(model, correction_interval=1)
    frames = list(np.random.default_rng(0).integers(0, 255, (count, *size, 3), np.uint8))
    trial = keyed_every(config, 1000, config.mode)
    videos = [VideoSegmenter(trial, model=model) for _ in frames]
    stamps = [0] * count
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(2 * ROUNDS + 4):  # the first two of each kind warm up
        together = number % 2 == 0
        wait_for(model.device)
        start = time.perf_counter()
        if together:
            step_together(videos, frames, stamps)
        else:
            for video, frame in zip(videos, frames, strict=True):
                video.step(frame)
        wait_for(model.device)
        times[together].append(time.perf_counter() - start)
    return float(np.median(times[True][2:]) / np.median(times[False][2:]))
