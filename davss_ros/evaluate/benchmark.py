"""``benchmark``: what a frame costs, stage by stage, and against the key network on every frame; all in one run."""

import argparse
import itertools
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from davss_ros.allocator import keep_freed_memory
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.device import describe_device
from davss_ros.core.model import Model, load_model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.data.sources import open_source
from davss_ros.errors import DavssError
from davss_ros.evaluate.command import add_settings, settings_of

Frames = list[NDArray[np.uint8]]


def stage_times(frames: Frames, config: SegmenterConfig, model: Model) -> dict[str, dict[str, float]]:
    """Return the median ms of every stage on ``key`` frames and on ``other`` ones."""
    segmenter = VideoSegmenter(config, model=model)
    segmenter.warm_up((frames[0].shape[0], frames[0].shape[1]))
    times: dict[str, dict[str, list[float]]] = {'key': {}, 'other': {}}
    for frame in frames:
        result = segmenter.step(frame)
        for stage, value in result.timings.items():
            times['key' if result.is_key else 'other'].setdefault(stage, []).append(value)
    return {
        kind: {stage: float(np.median(values)) for stage, values in stages.items()} for kind, stages in times.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser('benchmark', description=__doc__)
    parser.add_argument('source', type=Path, help='video file, image folder or rosbag2')
    parser.add_argument('--frames', type=int, default=60)
    parser.add_argument('--key-interval', type=int, default=5)
    add_settings(parser)
    options = parser.parse_args(arguments)
    try:
        config = replace(settings_of(options), key_interval=options.key_interval)
        frames = [frame.image for frame in itertools.islice(open_source(options.source), options.frames)]
        model = load_model(config)
    except DavssError as error:
        print(error, file=sys.stderr)
        return 1
    plain = stage_times(frames, config, model)
    kept = keep_freed_memory()
    times = stage_times(frames, config, model)
    height, width = frames[0].shape[:2]
    print(f'{width}x{height}, {len(frames)} frames, {model.name} on {describe_device(model.device)}, ms (median):')
    for kind in ('key', 'other'):
        print(f'  {kind:6}', '  '.join(f'{stage} {value:.1f}' for stage, value in times[kind].items()))
    key, other = times['key']['total'], times['other'].get('total', times['key']['total'])
    mean = (key + (config.key_interval - 1) * other) / config.key_interval
    print(f'  a non-key frame costs {other / key:.2f} of a key frame')
    print(
        f'  a key frame every {config.key_interval}: {mean:.1f} ms a frame, {key / mean:.2f} times cheaper than all key'
    )
    if kept:
        print(f'  without keeping freed memory: key {plain["key"]["total"] / key:.2f} times as long')
    return 0
