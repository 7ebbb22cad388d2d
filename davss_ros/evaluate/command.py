# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``evaluate``: accuracy against the distance from the key frame, on a folder of labelled consecutive frames."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path

from davss_ros.command_line import guarded
from davss_ros.core.config import SegmenterConfig
from davss_ros.datasets.folder import is_folder
from davss_ros.engines.allocator import keep_freed_memory
from davss_ros.errors import ConfigError
from davss_ros.evaluate.distance import MODES
from davss_ros.evaluate.measure import evaluate
from davss_ros.evaluate.pages.charts import to_svg
from davss_ros.evaluate.report import curve_chart, report
from davss_ros.evaluate.table import table
from davss_ros.images.bit_depth import AUTO, BIT_DEPTH_HELP
from davss_ros.recordings.arguments import add_strict, make_folder


def parse_distances(text: str) -> list[int]:
    """Return the distances of ``1-9`` or ``1,5,9``; `argparse.ArgumentTypeError` otherwise."""
    distances: list[int] = []
    for part in text.split(','):
        first, dash, last = part.partition('-')
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal()) or not 1 <= int(first) <= int(last) <= 1000:
            raise argparse.ArgumentTypeError(f'expected distances like 1-9 or 1,5,9, found {text!r}')
        distances += range(int(first), int(last) + 1)
    return sorted(set(distances))


def parse_comparison(text: str) -> tuple[str, str]:
    """Return name and weights of ``NAME=WEIGHTS``; `argparse.ArgumentTypeError` otherwise."""
    name, equals, weights = text.partition('=')
    if not (name and equals and weights):
        raise argparse.ArgumentTypeError(f'expected NAME=WEIGHTS, found {text!r}')
    return name, weights


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` an option for every setting of the segmenter but mode, key interval and ``align_corners``."""
    for setting in fields(SegmenterConfig):
        if setting.name not in ('mode', 'key_interval', 'align_corners'):
            name = '--' + setting.name.replace('_', '-')
            parser.add_argument(
                name, type=type(setting.default), default=setting.default, help=setting.metadata['description']
            )


def settings_of(options: argparse.Namespace) -> SegmenterConfig:
    """Return the settings given to the options of `add_settings`."""
    names = {setting.name for setting in fields(SegmenterConfig)}
    return SegmenterConfig(**{name: value for name, value in vars(options).items() if name in names})


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate, print the table, write results and report; return the exit status."""
    parser = argparse.ArgumentParser('evaluate', description=__doc__)
    parser.add_argument('folder', type=Path, help='holds images/ and labels/, or CamVid, or Cityscapes')
    parser.add_argument('--split', default='', help='train, val or test, where there are several')
    parser.add_argument('--distances', type=parse_distances, default=parse_distances('1-9'), help='default: 1-9')
    parser.add_argument(
        '--intervals', type=parse_distances, help='key-frame intervals; default: 5,10 as far as the distances reach'
    )
    parser.add_argument('--modes', nargs='*', choices=MODES, default=list(MODES))
    parser.add_argument('--stills', action='store_true', help='unrelated images: measure the key network only')
    parser.add_argument(
        '--compare',
        action='append',
        type=parse_comparison,
        default=[],
        metavar='NAME=WEIGHTS[,WEIGHTS]',
        help='measure another model too; may be given several times',
    )
    parser.add_argument(
        '--streaming',
        action=argparse.BooleanOptionalAction,
        default=True,
        help='play the first seconds at their own pace too, and say which labels were there when (streaming accuracy)',
    )
    parser.add_argument(
        '--corrupt',
        action='store_true',
        help='measure on worse pictures, too: exposure, colour, blur, noise, compression, mild and severe',
    )
    parser.add_argument('--out', type=Path, help='folder for results.json, report.html and curves.svg')
    add_strict(parser)
    parser.add_argument('--bit-depth', default=AUTO, help=BIT_DEPTH_HELP)
    add_settings(parser)
    options = parser.parse_args(arguments)
    keep_freed_memory()
    return guarded('evaluate', lambda: _evaluate(options))


def _evaluate(options: argparse.Namespace) -> int:
    if options.out:
        make_folder(options.out)
    measured = evaluate(
        options.folder,
        settings_of(options),
        options.distances,
        [] if options.stills else options.modes,
        options.intervals,
        dict(options.compare),
        streaming=options.streaming,
        corrupt=options.corrupt,
        split=options.split,
        layout='stills' if options.stills and is_folder(options.folder) else '',
        strict=options.strict,
        bit_depth=options.bit_depth,
        say=partial(print, file=sys.stderr),
    )
    results = measured.results
    print(table(results))
    if options.out:
        (options.out / 'results.json').write_text(json.dumps(results, indent=1) + '\n')
        try:
            text = report(results, measured.worst, measured.classes)
            (options.out / 'report.html').write_text(text, encoding='utf-8')
            if results['distances']:
                (options.out / 'curves.svg').write_text(to_svg(curve_chart(results)) + '\n', encoding='utf-8')
        except ConfigError as error:
            print(f'report.html was not written: {error}', file=sys.stderr)
    return 0
