# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``evaluate_bag``: numbers and pictures from recordings, by the node's own step, the same every time."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from davss_ros.command_line import guarded
from davss_ros.engines.allocator import keep_freed_memory
from davss_ros.errors import DataError
from davss_ros.evaluate.bags.session import Session
from davss_ros.recordings.arguments import not_below_zero, not_negative, positive


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate and write; return the exit status: 0, 1 on an error or a loss, 130 after Ctrl-C."""
    options = parser().parse_args(arguments)
    keep_freed_memory()
    session = Session(options, list(arguments) if arguments is not None else sys.argv[1:])
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return guarded('evaluate_bag', lambda: _run(session), lambda: f'--out {options.out} --resume goes on')
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(session: Session) -> int:
    try:
        return session.run()
    except OSError as error:
        place = f'{error.filename}: ' if error.filename else ''
        raise DataError(f'{place}{error.strerror or error}; what is finished stays, --resume goes on') from error


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser('evaluate_bag', description=__doc__)
    made.add_argument('bags', nargs='+', metavar='BAG', help='rosbag2 folder, .mcap or .db3 file, or a glob')
    made.add_argument('--out', type=Path, default=Path('bag_evaluation'), help='folder of the results (%(default)s)')
    made.add_argument('--overwrite', action='store_true', help='replace what an earlier run left in --out')
    made.add_argument('--resume', action='store_true', help='go on with an earlier run')
    group = made.add_argument_group('settings')
    group.add_argument('--params-file', type=Path, help="the node's parameter file")
    group.add_argument('--node', default='/davss', help='whose parameters it holds; default: /davss')
    group.add_argument(
        '-p', '--param', action='append', default=[], metavar='NAME:=VALUE', help='a parameter, before the file'
    )
    group.add_argument(
        '--set',
        action='append',
        default=[],
        metavar='NAME=VALUE[,NAME=VALUE]',
        help='run this variant, too; may be given several times',
    )
    group = made.add_argument_group('frames')
    group.add_argument(
        '--topic', action='append', default=[], metavar='[CAMERA=]TOPIC', help='image topic; default: all cameras'
    )
    group.add_argument('--start', type=not_below_zero, default=0.0, help='s from the first frame of a bag')
    group.add_argument('--duration', type=not_below_zero, default=0.0, help='s; 0: to the end')
    group.add_argument('--every', type=positive, default=1, help='one frame out of so many')
    group = made.add_argument_group('compared with')
    group.add_argument(
        '--labels',
        action='append',
        default=[],
        metavar='[CAMERA=]TOPIC|FOLDER',
        help='true labels; without, the key network on every frame',
    )
    group.add_argument('--label-classes', default='', help='what their ids mean; default: the classes of the model')
    group.add_argument(
        '--tolerance', type=not_below_zero, default=0.01, help='s between the stamps of a frame and its label'
    )
    group.add_argument('--no-agreement', action='store_true', help='without labels, compare with nothing: faster')
    group = made.add_argument_group('results')
    group.add_argument('--no-report', action='store_true', help='leave report.html out')
    group.add_argument('--record', action='store_true', help='write the outputs as a bag')
    group.add_argument('--video', action='store_true', help='write overlay and distortion as mp4')
    group.add_argument('--pick', type=not_negative, default=0, metavar='N', help='write the N most telling frames')
    group.add_argument('--baseline', type=Path, help='results.json to compare with')
    group.add_argument(
        '--max-loss', type=not_below_zero, metavar='POINTS', help='exit with 1 if more is lost against the baseline'
    )
    group.add_argument('--live', action='store_true', help='play the bags through the running node, too, and compare')
    group = made.add_argument_group('computing')
    group.add_argument('--workers', type=positive, default=1, help='processes on this machine')
    group.add_argument('--threads', type=not_negative, default=0, help='of each process; default: one a core')
    group.add_argument('--ray', default='', metavar='auto|ADDRESS', help='a Ray cluster')
    group.add_argument(
        '--part',
        type=not_negative,
        default=0,
        metavar='FRAMES',
        help='part bags for workers; default: as these need',
    )
    return made


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
