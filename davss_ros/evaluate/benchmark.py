"""``benchmark``: what a frame costs, stage by stage, and against the key network on every frame; all in one run."""

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from davss_ros.command_line import guarded
from davss_ros.core.batching import together_ratio
from davss_ros.core.model import load_model
from davss_ros.engines.allocator import keep_freed_memory
from davss_ros.engines.device import describe_device
from davss_ros.evaluate.command import add_settings, settings_of
from davss_ros.evaluate.cost import stage_times
from davss_ros.images.bit_depth import AUTO, BIT_DEPTH_HELP
from davss_ros.recordings.arguments import add_strict, add_topic, positive
from davss_ros.recordings.open import open_source


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser('benchmark', description=__doc__)
    parser.add_argument('source', type=Path, help='video file, image folder or rosbag2')
    add_topic(parser)
    add_strict(parser)
    parser.add_argument('--frames', type=positive, default=60, help='how many to measure; default: 60')
    parser.add_argument('--key-interval', type=positive, default=10)
    parser.add_argument('--cameras', type=positive, default=1, help='try so many frames as one batch, too')
    parser.add_argument('--bit-depth', default=AUTO, help=BIT_DEPTH_HELP)
    add_settings(parser)
    options = parser.parse_args(arguments)
    return guarded('benchmark', lambda: _measure(options))


def _measure(options: argparse.Namespace) -> int:
    config = replace(settings_of(options), key_interval=options.key_interval)
    frames = _frames(options)
    model = load_model(config)
    plain = stage_times(frames, [config], model)[0]
    kept = keep_freed_memory()
    times = stage_times(frames, [config], model)[0]
    height, width = frames[0].shape[:2]
    print(f'{width}x{height}, {len(frames)} frames, {model.name} on {describe_device(model.device)}, ms (median):')
    for kind in filter(times.get, ('key', 'other')):
        print(f'  {kind:6}', '  '.join(f'{stage} {value:.1f}' for stage, value in times[kind].items()))
    key = times['key']['total']
    if times['other']:
        other = times['other']['total']
        mean = (key + (config.key_interval - 1) * other) / config.key_interval
        print(f'  a non-key frame costs {other / key:.2f} of a key frame')
        print(
            f'  a key frame every {config.key_interval}: {mean:.1f} ms a frame, '
            f'{key / mean:.2f} times cheaper than all key'
        )
    else:
        print('  every frame was a key frame: nothing to compare with')
    if options.cameras > 1:
        ratio = together_ratio(config, model, options.cameras, (height, width))
        print(f'  {options.cameras} cameras: non-key frames as one batch take {ratio:.2f} of the time')
    if kept:
        print(f'  without keeping freed memory: key {plain["key"]["total"] / key:.2f} times as long')
    return 0


def _frames(options: argparse.Namespace) -> list[NDArray[np.uint8]]:
    """Return the first frames of the source: at least one, or it raises `DataError`."""
    source = open_source(options.source, topic=options.topic, strict=options.strict, bit_depth=options.bit_depth)
    return [frame.image for frame in itertools.islice(source, options.frames)]
