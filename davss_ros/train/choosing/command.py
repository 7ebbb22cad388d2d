# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``choose``: which settings a model is used with, by data that neither trained it nor reports on it.

Settings are tried on two kinds of clips. On the stills of one drive, set in motion, with a model whose key network was
trained without that drive (`train --leave-out DRIVE`), against the true labels; and on videos without labels, with the
model itself, against its key network on every frame. A setting is taken when it is better than the first one on every
set. The file of settings names them, each with what it changes of the model's own; those of the model without the drive
do not count:

  as it is: {}
  gentle: {correction_gain: 4}
  more windows: {correction_gain: 4, correction_share: 0.25}
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from davss_ros.command_line import guarded
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import load_model
from davss_ros.datasets.drives import halves, split_drive
from davss_ros.engines.allocator import keep_freed_memory
from davss_ros.errors import ConfigError
from davss_ros.recordings.arguments import add_topic, make_folder, not_negative, positive
from davss_ros.train.choosing.sets import ChoosingSet, moved_stills, video_pieces
from davss_ros.train.choosing.trial import OF_THE_MODEL, PER_FRAME, Setting, check_setting_choices, try_settings
from davss_ros.train.choosing.verdict import markdown, verdict
from davss_ros.train.material.labelled import open_labelled
from davss_ros.train.parts.gate import GateTraining
from davss_ros.yaml_file import read_yaml


def read_settings(path: Path) -> dict[str, Setting]:
    """Return the settings of a YAML file by name, in its order.

    Raises:
        ConfigError: the file cannot be read, or says something that cannot be chosen.
    """
    tree = read_yaml(path)
    if not isinstance(tree, dict) or not tree:
        raise ConfigError(f'{path}: expected names and settings, found {tree!r}')
    settings: dict[str, Setting] = {}
    for name, values in tree.items():
        if not isinstance(values or {}, dict):
            raise ConfigError(f'{path}: {name}: expected settings like {{correction_gain: 4}}, found {values!r}')
        if name == PER_FRAME:
            raise ConfigError(f'{path}: {name}: is tried beside all settings; choose another name for this one')
        settings[str(name)] = {key: _number(key, value) for key, value in (values or {}).items()}
        check_setting_choices(str(name), settings[str(name)])
    return settings


def _number(name: str, value: object) -> object:
    """Return a whole number as a float, where the setting is one."""
    fits = type(value) is int and isinstance(getattr(SegmenterConfig, name, None), float)
    return float(value) if fits and isinstance(value, int) else value


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the settings, print the table, write it; return the exit status."""
    parser = argparse.ArgumentParser('choose', description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--settings', type=Path, required=True, help='YAML file of settings; the first is the baseline')
    parser.add_argument('--weights', default=SegmenterConfig.weights, help='the model, for the videos')
    parser.add_argument('--videos', type=Path, nargs='+', action='append', help='one set; may be given several times')
    add_topic(parser)
    parser.add_argument('--pieces', type=not_negative, default=0, help='of each video at most; default: all')
    parser.add_argument('--data', type=Path, help='labelled stills: images/ and labels/, CamVid or Cityscapes')
    parser.add_argument('--split', default='', help='of the stills, where there are several')
    parser.add_argument('--drive', default='', help='use the stills whose names begin so')
    parser.add_argument('--drive-weights', help='the model whose key network was trained without that drive')
    parser.add_argument(
        '--after',
        type=float,
        default=GateTraining.share,
        help='leave out so much of drive and videos, from their beginning: what the gate saw (default: %(default)s)',
    )
    parser.add_argument('--every', type=positive, default=1, help='use every n-th still')
    parser.add_argument('--longest', type=positive, default=9, help='distance from the key frame; default: 9')
    parser.add_argument('--seed', type=not_negative, default=0, help='of the synthetic motion')
    parser.add_argument('--precision', default=SegmenterConfig.precision, help='arithmetic of the networks')
    parser.add_argument('--engine', default=SegmenterConfig.engine, help='what computes the networks')
    parser.add_argument('--out', type=Path, help='folder for choosing.json and choosing.md')
    options = parser.parse_args(arguments)
    return guarded('choose', lambda: _choose(options))


def _choose(options: argparse.Namespace) -> int:
    keep_freed_memory()
    settings = read_settings(options.settings)
    if options.out:
        make_folder(options.out)
    trials = []
    for clips in _sets(options):
        trials.append(try_settings(clips, settings, progress=partial(tqdm, unit='clip', desc=clips.name)))
    table = verdict(trials)
    print(markdown(table), f'taken: {table["taken"]}', sep='\n')
    if options.out:
        (options.out / 'choosing.json').write_text(json.dumps(table, indent=1) + '\n')
        (options.out / 'choosing.md').write_text(markdown(table) + '\n')
    return 0


def _sets(options: argparse.Namespace) -> list[ChoosingSet]:
    if bool(options.data) != bool(options.drive_weights) or not (options.data or options.videos):
        raise ConfigError('choose: expected --data with --drive-weights, or --videos, or both')
    if not 0 <= options.after < 1:
        raise ConfigError(f'--after: expected 0 to less than 1, found {options.after:g}')
    computed = {'precision': options.precision, 'engine': options.engine}
    final = load_model(SegmenterConfig(weights=options.weights, **computed))
    sets = []
    if options.data:
        own = {name: getattr(final, name) for name in OF_THE_MODEL}
        model = replace(load_model(SegmenterConfig(weights=options.drive_weights, **computed)), **own)
        dataset = open_labelled(options.data, model.classes, '', options.split)
        stills = (
            halves(split_drive(dataset.stills, options.drive)[0], options.after)[1] if options.drive else dataset.stills
        )
        name = options.drive or options.data.name
        sets.append(moved_stills(name, stills[:: options.every], model, options.longest, options.seed))
    if options.videos:
        how = options.longest, options.pieces, options.topic, options.after
        sets += [video_pieces(paths, final, *how) for paths in options.videos]
    return sets
