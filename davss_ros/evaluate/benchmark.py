# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``benchmark``: what a frame costs, stage by stage and engine by engine, and beside what else might be done."""

import argparse
import itertools
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from davss_ros.command_line import guarded
from davss_ros.core.batching import together_ratio
from davss_ros.core.config import SegmenterConfig, keyed_every
from davss_ros.core.model import Model, load_model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.engines.allocator import keep_freed_memory
from davss_ros.engines.cache import Cache, default_folder
from davss_ros.engines.device import choose_device, choose_precision, describe_device
from davss_ros.engines.registry import AUTO, ENGINES, make_engine
from davss_ros.errors import EngineError
from davss_ros.evaluate.benchmark_results import DAVSS, ONE_VIEW, RIVAL, TWO_VIEWS, chart, results_of, table
from davss_ros.evaluate.cameras import camera_throughput
from davss_ros.evaluate.command import add_settings, settings_of
from davss_ros.evaluate.contest import alternate
from davss_ros.evaluate.peak import measured_peak
from davss_ros.evaluate.provenance import provenance
from davss_ros.evaluate.published import published_times
from davss_ros.images.bit_depth import AUTO as UNKNOWN_DEPTH
from davss_ros.images.bit_depth import BIT_DEPTH_HELP
from davss_ros.networks.weights import SHIPPED
from davss_ros.recordings.arguments import add_strict, add_topic, make_folder, positive
from davss_ros.recordings.open import open_source

LIGHT = 'camvid_light'  # shipped model

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser('benchmark', description=__doc__)
    parser.add_argument('source', type=Path, help='video file, image folder or rosbag2')
    add_topic(parser)
    add_strict(parser)
    parser.add_argument('--frames', type=positive, default=40, help='how many to measure; default: 40')
    parser.add_argument('--rounds', type=positive, default=2, help='how often; default: 2')
    parser.add_argument('--key-interval', type=positive, default=10)
    parser.add_argument(
        '--engines',
        default='',
        help='separated by commas; default: auto, and all there are',
    )
    parser.add_argument(
        '--rival',
        default=LIGHT if (SHIPPED / f'{LIGHT}.safetensors').is_file() else '',
        metavar='WEIGHTS',
        help="a network to be run on every frame beside; default: the shipped light one, '' for none",
    )
    parser.add_argument(
        '--published', action='store_true', help='the published networks too, at 512x1024, in the published order'
    )
    parser.add_argument('--bit-depth', default=UNKNOWN_DEPTH, help=BIT_DEPTH_HELP)
    parser.add_argument(
        '--cameras', type=positive, default=1, help='try so many by several workers and in batches, too'
    )
    parser.add_argument('--out', type=Path, help='folder for benchmark.json and benchmark.svg')
    add_settings(parser)
    options = parser.parse_args(arguments)
    return guarded('benchmark', lambda: _measure(options))


def _measure(options: argparse.Namespace) -> int:
    keep_freed_memory()
    if options.out:
        make_folder(options.out)
    config = keyed_every(settings_of(options), options.key_interval, 'davss')
    frames = _frames(options)
    engines = [name for name in options.engines.split(',') if name] or _installed(config)
    model = load_model(replace(config, engine=engines[0]))
    contenders = _contenders(config, engines, options.rival, model)
    times = alternate(frames, contenders, options.rounds)
    results = results_of(times, frames[0], model, config, measured_peak(model.device, model.precision))
    if options.published:
        results['published'] = published_times(config, options.rounds)
    if options.cameras > 1:
        height, width = frames[0].shape[:2]
        results['batch'] = {str(options.cameras): together_ratio(config, model, options.cameras, (height, width))}
        if model.device.type == 'cpu':
            by_workers = camera_throughput(replace(config, engine=engines[0]), frames, options.cameras, options.rounds)
            results['cameras'] = {str(options.cameras): {str(count): rate for count, rate in by_workers.items()}}
    results['provenance'] = provenance(model, config, command='benchmark')
    print(f'{len(frames)} frames, {options.rounds} times, {model.name} on {describe_device(model.device)}')
    print(table(results))
    print(f'{results["provenance"]["cpu"]}; {model.engine}; {results["provenance"]["date"]}')
    if options.out:
        (options.out / 'benchmark.json').write_text(json.dumps(results, indent=1) + '\n')
        (options.out / 'benchmark.svg').write_text(chart(times) + '\n', encoding='utf-8')
    return 0


def _contenders(config: SegmenterConfig, engines: Sequence[str], rival: str, model: Model) -> dict[str, VideoSegmenter]:
    """Return who takes turns: the method by every engine, and by the first one what else might run on every frame."""
    models = {engines[0]: model}
    models |= {engine: load_model(replace(config, engine=engine)) for engine in engines[1:]}
    contenders = {
        f'{DAVSS}, {engine}': VideoSegmenter(config, model=engine_model) for engine, engine_model in models.items()
    }
    single = replace(config, mode='per_frame', engine=engines[0])
    for name, views in ((ONE_VIEW, 1), (TWO_VIEWS, 2)):
        contenders[name] = VideoSegmenter(replace(single, key_views=views))
    if rival:
        plain = replace(SegmenterConfig(), mode='per_frame', engine=engines[0], weights=rival)
        same = {name: getattr(config, name) for name in ('device', 'precision', 'working_height')}
        contenders[RIVAL] = VideoSegmenter(replace(plain, **same))
    return contenders


def _installed(config: SegmenterConfig) -> list[str]:
    """Return ``auto`` and the engines that can be had here."""
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    found = [AUTO]
    for name in ENGINES:
        try:
            make_engine(name, device, precision, Cache(default_folder()))
        except EngineError as error:
            log.warning('%s: left out: %s', name, error)
        else:
            found.append(name)
    return found


def _frames(options: argparse.Namespace) -> list[NDArray[np.uint8]]:
    """Return the first frames of the source: at least one, or it raises `DataError`."""
    source = open_source(options.source, topic=options.topic, strict=options.strict, bit_depth=options.bit_depth)
    return [frame.image for frame in itertools.islice(source, options.frames)]
