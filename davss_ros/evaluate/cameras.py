# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Several cameras on one machine: how many frames a second come out, by one worker and by several at once."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.batching import worker_count
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.key_frames import staggered_phase
from davss_ros.core.model import load_model
from davss_ros.core.node_config import NodeConfig
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.engines.threads import thread_count, use_threads

Frames = Sequence[NDArray[np.uint8]]


def camera_throughput(config: SegmenterConfig, frames: Frames, cameras: int, rounds: int) -> dict[int, float]:
    """Return frames a second, all cameras together, by the number of workers: one, and as many as a node has.

    Each worker has its share of the cameras and cores, and a model of its own, as in a node; all cameras show the same
    frames, with key frames that never meet. The workers take turns; the median of the rounds counts.

    Args:
        config: of all cameras.
        frames: (H, W, 3) uint8 RGB, of one size.
        cameras: how many.
        rounds: through all frames, for each number of workers.
    """
    cores = thread_count()
    counts = list(dict.fromkeys((1, worker_count(NodeConfig(), cameras, cores, on_cpu=True))))
    try:
        crews = {count: _crew(config, frames[0].shape[:2], cameras, count, max(1, cores // count)) for count in counts}
        seconds: dict[int, list[float]] = {count: [] for count in counts}
        for _ in range(rounds):
            for count, crew in crews.items():
                seconds[count].append(_served(crew, frames, max(1, cores // count)))
    finally:
        use_threads(cores)
    return {count: round(cameras * len(frames) / median(values), 2) for count, values in seconds.items()}


def _crew(
    config: SegmenterConfig, size: tuple[int, ...], cameras: int, workers: int, threads: int
) -> list[list[VideoSegmenter]]:
    """Return the segmenters of each worker's cameras."""
    use_threads(threads)  # what is compiled is for as many
    crew = []
    for number in range(workers):
        model = load_model(config)
        VideoSegmenter(config, model=model).warm_up((size[0], size[1]))
        share = range(number, cameras, workers)
        phases = [staggered_phase(camera, cameras, config.key_interval) for camera in share]
        crew.append([VideoSegmenter(config, model=model, key_phase=phase) for phase in phases])
    return crew


def _served(crew: Sequence[Sequence[VideoSegmenter]], frames: Frames, threads: int) -> float:
    """Return the seconds that it takes until all workers have served all frames of their cameras."""

    def serve(videos: Sequence[VideoSegmenter]) -> None:
        use_threads(threads)
        for frame in frames:
            for video in videos:
                video.step(frame)

    with ThreadPoolExecutor(len(crew)) as helpers:
        start = time.perf_counter()
        others = [helpers.submit(serve, videos) for videos in crew[1:]]
        serve(crew[0])
        for other in others:
            other.result()
        return time.perf_counter() - start
