# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``tune``: key interval, windows and gain for your own video, without labels, under a budget of time or of loss.

Loss is the share of pixels whose label is not that of the key network on that very frame. One half of each recording
chooses, the other half tells. As the key frame lies d frames back whatever the interval, one run for each number of
windows and gain gives the loss of every interval.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from tqdm import tqdm

from davss_ros.command_line import guarded
from davss_ros.core.config import SegmenterConfig, keyed_every
from davss_ros.core.frames import working_size
from davss_ros.core.model import Model, load_model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.core.windows import SHAPE
from davss_ros.engines.allocator import keep_freed_memory
from davss_ros.errors import ConfigError, DataError
from davss_ros.evaluate.command import add_settings, settings_of
from davss_ros.evaluate.contest import typical
from davss_ros.networks.registry import UNCORRECTED
from davss_ros.networks.resample import SCALE
from davss_ros.recordings.arguments import add_topic, positive
from davss_ros.recordings.open import open_source

Clip = list[NDArray[np.uint8]]  # consecutive frames
INTERVALS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30)
WINDOWS = (0, 1, 2, 4, 6)
GAINS = (1.0, 2.0, 4.0, 8.0, 100.0)
FEWEST = 8  # frames of a recording


@dataclass(frozen=True)
class Setting:
    """What is tuned; ``windows`` 0: no correction."""

    interval: int
    windows: int
    gain: float


@dataclass(frozen=True)
class Tried:
    """What a number of windows and a gain gave.

    Attributes:
        loss: at each distance from the key frame, from 0 on (distances,), in [0, 1]; nan where it was not seen.
        ms: at each distance, likewise; some are dearer, where a light network looks at the frame.
    """

    windows: int
    gain: float
    loss: NDArray[np.float64]
    ms: NDArray[np.float64]

    def at(self, interval: int) -> tuple[float, float]:
        """Return mean ms and mean loss with a key frame every ``interval`` frames."""
        return float(self.ms[:interval].mean()), float(self.loss[:interval].mean())


def halves(clips: Sequence[Clip]) -> tuple[list[Clip], list[Clip]]:
    """Return the first halves of all clips, which choose, and the second ones, which tell."""
    return [clip[: len(clip) // 2] for clip in clips], [clip[len(clip) // 2 :] for clip in clips]


def reference(model: Model, config: SegmenterConfig, clips: Sequence[Clip]) -> list[Clip]:
    """Return the key network's labels of every frame."""
    video = VideoSegmenter(keyed_every(config, 1, 'per_frame'), model=model)
    return [[video.step(frame).labels for frame in clip] for clip in clips]


def attempt(
    model: Model, config: SegmenterConfig, clips: Sequence[Clip], truth: Sequence[Clip], windows: int, gain: float
) -> Tried:
    """Return what ``windows`` windows and ``gain`` give on ``clips``, of which the key network says ``truth``."""
    longest = min(max(INTERVALS), max(len(clip) for clip in clips))
    wrong: list[list[float]] = [[] for _ in range(longest)]
    times: dict[str, list[float]] = {}
    kinds = [''] * longest  # of the frames at each distance
    for clip, labels in zip(clips, truth, strict=True):
        video = VideoSegmenter(keyed_every(config, longest, 'davss'), model=tuned(model, config, clip, windows, gain))
        for frame, label in zip(clip, labels, strict=True):
            result = video.step(frame)
            wrong[result.distance].append(float((result.labels != label).mean()))
            kind = kinds[result.distance] = 'key' if result.is_key else 'look' if 'look' in result.timings else 'other'
            times.setdefault(kind, []).append(result.timings['total'])
    loss = np.array([np.mean(values) if values else np.nan for values in wrong])
    usual = {kind: typical({'total': values}) for kind, values in times.items()}
    return Tried(windows, gain, loss, np.array([usual.get(kind, np.nan) for kind in kinds]))


def with_one_key_ms(tried: Sequence[Tried]) -> list[Tried]:
    """Return what was tried with the median of all for a key frame, in which windows and gain have no part."""
    key = np.median([each.ms[0] for each in tried])
    return [replace(each, ms=np.array([key, *each.ms[1:]])) for each in tried]


def tuned(model: Model, config: SegmenterConfig, clip: Clip, windows: int, gain: float) -> Model:
    """Return ``model`` with so many windows and that gain."""
    if not windows:
        return replace(model, corrects=False)
    return replace(model, correction_share=share_of(windows, clip[0].shape[:2], config), correction_gain=gain)


def share_of(windows: int, size: tuple[int, ...], config: SegmenterConfig) -> float:
    """Return ``correction_share`` for so many windows of frames of ``size``, (H, W)."""
    height, width = (-(-side // SCALE) for side in working_size(size, config.working_height))
    return min(0.99, windows * SHAPE[0] * SHAPE[1] / (height * width))


def choose(tried: Sequence[Tried], ms: float, loss: float) -> tuple[Setting, float, float]:
    """Return the best setting with its ms and loss: the least loss within ``ms``, or the least ms within ``loss``.

    Args:
        tried: all that was tried.
        ms: budget of the mean frame; 0: none.
        loss: budget, in [0, 1]; counts if ``ms`` is 0.

    Raises:
        ConfigError: nothing keeps to the budget; the message says what comes nearest.
    """
    every = [
        (Setting(interval, each.windows, each.gain), *each.at(interval))
        for each in tried
        for interval in INTERVALS
        if interval <= len(each.loss) and np.isfinite(each.loss[:interval]).all()
    ]
    if ms:
        fitting = [trial for trial in every if trial[1] <= ms]
        if not fitting:
            nearest = min(every, key=lambda trial: trial[1])
            raise ConfigError(f'--ms: expected {nearest[1]:.1f} at least, the cheapest mean frame, found {ms:g}')
        return min(fitting, key=lambda trial: (trial[2], trial[1]))
    fitting = [trial for trial in every if trial[2] <= loss]
    return min(fitting, key=lambda trial: (trial[1], trial[2]))  # the key network on every frame loses nothing


def measure(model: Model, config: SegmenterConfig, clips: Sequence[Clip], truth: Sequence[Clip]) -> tuple[float, float]:
    """Return mean ms and loss on ``clips``, worked on as the node does."""
    wrong, times = [], []
    for clip, labels in zip(clips, truth, strict=True):
        video = VideoSegmenter(config, model=model)
        for frame, label in zip(clip, labels, strict=True):
            result = video.step(frame)
            wrong.append(float((result.labels != label).mean()))
            times.append(result.timings['total'])
    return float(np.mean(times)), float(np.mean(wrong))


def parameters(config: SegmenterConfig, setting: Setting, size: tuple[int, ...]) -> dict[str, object]:
    """Return the node's parameters for ``setting``: those that differ from the defaults, and what was tuned."""
    changed = {
        field.name: getattr(config, field.name)
        for field in fields(config)
        if getattr(config, field.name) != field.default
    }
    values = {**changed, 'key_interval': setting.interval, 'key_frame_policy': 'fixed'}
    if not setting.windows:
        return values | {'correction': UNCORRECTED}
    return values | {
        'correction_share': round(share_of(setting.windows, size, config), 4),
        'correction_gain': float(setting.gain),
    }


def parameter_file(values: dict[str, object], comments: Sequence[str]) -> str:
    """Return a ROS parameter file for the node of whatever name, with ``comments`` above."""
    body = yaml.safe_dump({'/**': {'ros__parameters': values}}, sort_keys=False)
    return ''.join(f'# {line}\n' for line in comments) + body


def main(arguments: Sequence[str] | None = None) -> int:
    """Tune, print, and write the parameter file; return the exit status."""
    parser = argparse.ArgumentParser('tune', description=__doc__)
    parser.add_argument('sources', nargs='+', type=Path, help='videos, folders of images or bags; no labels needed')
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument('--ms', type=_budget, default=0.0, help='mean time of a frame')
    budget.add_argument('--loss', type=_budget, default=0.0, help='per cent of labels other than the key network has')
    parser.add_argument('--out', type=Path, default=Path('tuned.yaml'), help='parameter file; default: tuned.yaml')
    parser.add_argument('--frames', type=positive, default=240, help='of each recording, at most; default: 240')
    add_topic(parser)
    add_settings(parser)
    options = parser.parse_args(arguments)
    return guarded('tune', lambda: _tune(options))


def _tune(options: argparse.Namespace) -> int:
    if not options.out.resolve().parent.is_dir():
        raise DataError(f'--out: no such folder: {options.out.resolve().parent}')
    config = settings_of(options)
    clips = [_frames(source, options) for source in options.sources]
    keep_freed_memory()
    model = load_model(config)
    VideoSegmenter(config, model=model).warm_up(clips[0][0].shape[:2])  # type: ignore[arg-type]  # (H, W)
    choosing, telling = halves(clips)
    truth = reference(model, config, choosing)
    counts = list(WINDOWS) if model.corrects else [0]
    if model.gate is not None:  # which corrects without windows too, so that none cannot be asked for
        counts.remove(0)
    grid = [(count, gain) for count in counts for gain in (GAINS if count else GAINS[:1])]
    tried = [
        attempt(model, config, choosing, truth, count, gain)
        for count, gain in tqdm(grid, desc='choosing', unit='run', disable=None)
    ]
    tried = with_one_key_ms(tried)
    setting, ms, loss = choose(tried, options.ms, options.loss / 100)
    size = clips[0][0].shape[:2]
    values = parameters(config, setting, size)
    plain = replace(keyed_every(config, setting.interval, 'davss'), cut_distortion=config.cut_distortion)
    told_ms, told_loss = measure(
        tuned(model, config, clips[0], setting.windows, setting.gain), plain, telling, reference(model, config, telling)
    )
    per_frame = float(tried[0].ms[0])
    lines = [
        f'tuned on {", ".join(source.name for source in options.sources)}: {sum(map(len, choosing))} frames chose, '
        f'{sum(map(len, telling))} others tell',
        f'key frame every {setting.interval}, {_words(setting)}',
        f'where it was chosen: {ms:.1f} ms a frame, {loss:.2%} of the labels other than by the key network',
        f'on the others: {told_ms:.1f} ms a frame, {told_loss:.2%}; the key network on every frame: {per_frame:.1f} ms',
    ]
    if options.ms and told_ms > options.ms:
        lines.append(f'which is more than the {options.ms:g} ms asked for; ask for less if it must hold')
    options.out.write_text(parameter_file(values, lines))
    print(*lines, f'written: {options.out}; ros2 launch davss_ros davss.launch.py params_file:={options.out}', sep='\n')
    return 0


def _words(setting: Setting) -> str:
    return f'{setting.windows} windows, gain {setting.gain:g}' if setting.windows else 'no correction'


def _frames(source: Path, options: argparse.Namespace) -> Clip:
    frames = [frame.image for frame in islice(open_source(source, topic=options.topic), options.frames)]
    if len(frames) < FEWEST:
        raise DataError(f'{source}: expected {FEWEST} frames at least, found {len(frames)}')
    return frames


def _budget(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f'expected more than 0, found {text}')
    return value
