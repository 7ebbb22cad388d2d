# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``train``: a model, part by part; each goes on where it was cut off.

key         the key network on labelled stills (first those it starts from, if the recipe has such)
flow        the flow network, if it is one that learns
samples     what propagation gives on synthetic and real motion
distortion  stage 1 of DAVSS
light       a light network for whole frames, if the recipe has one
correction  stage 2
gate        what joins the light network with what was carried, on the drive that is left out
export      all of them into one weights file
all         these in turn
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from davss_ros.command_line import guarded
from davss_ros.engines.allocator import keep_freed_memory
from davss_ros.engines.device import choose_device
from davss_ros.images.bit_depth import AUTO, BIT_DEPTH_HELP, parse_bit_depth
from davss_ros.train.before import check_before
from davss_ros.train.recipe import SHIPPED as RECIPES
from davss_ros.train.recipe import load_recipe
from davss_ros.train.run import open_run, say
from davss_ros.train.runs import parallel

PARTS = ('key', 'flow', 'samples', 'distortion', 'light', 'correction', 'gate', 'export', 'all')
OVERRIDES = ('data', 'videos', 'topic', 'out', 'seed', 'leave_out', 'strict')  # options that replace keys of the recipe


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; return the exit status."""
    parser = argparse.ArgumentParser('train', description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('part', choices=PARTS)
    shipped = ', '.join(sorted(path.stem for path in RECIPES.glob('*.yaml')))
    parser.add_argument(
        '--config', default='camvid_lite', help=f'camvid_lite (default), one of {shipped}, or a YAML file'
    )
    parser.add_argument('--data', type=Path, help='labelled images: images/ and labels/, CamVid or Cityscapes')
    parser.add_argument('--videos', type=Path, nargs='*', help='unlabelled motion: videos, folders, bags')
    parser.add_argument('--topic', help='image topic of bags among the videos that have several cameras')
    parser.add_argument('--out', type=Path, help='checkpoints, samples and the exported model')
    parser.add_argument('--leave-out', metavar='DRIVE', help='not trained on: images whose names begin so')
    parser.add_argument('--seed', type=int, help='of every part')
    parser.add_argument('--bit-depth', help=BIT_DEPTH_HELP)
    parser.add_argument('--strict', action='store_true', default=None, help='a broken image is an error, not skipped')
    options = parser.parse_args(arguments)
    keep_freed_memory()
    return guarded('train', lambda: _train(options), lambda: 'the same command goes on after the last whole epoch')


def _train(options: argparse.Namespace) -> int:
    overrides = {name: getattr(options, name) for name in OVERRIDES}
    if options.bit_depth is not None:
        overrides['bit_depth'] = parse_bit_depth(options.bit_depth) or AUTO
    recipe = load_recipe(options.config, **overrides)
    part = {'all': 'export'}.get(options.part, options.part)  # export needs all the others
    with parallel.processes(choose_device(recipe.general.device)) as device:
        run = open_run(recipe, device)
        check_before(recipe, part, run.data, run.left_out)
        made = getattr(run, part)()
        if part == 'flow' and not made.state_dict():
            say(f'flow: {recipe.flow.network} is computed, there is nothing to train')
    return 0
