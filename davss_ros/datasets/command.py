# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``check_data``: what a folder of labelled data holds, and everything that is wrong with it."""

import argparse
from collections.abc import Sequence

from tqdm import tqdm

from davss_ros.command_line import guarded
from davss_ros.datasets.check import Findings, count_images, examine
from davss_ros.datasets.dataset import LAYOUTS, Dataset, open_dataset
from davss_ros.images.bit_depth import AUTO, BIT_DEPTH_HELP


def summary(dataset: Dataset, findings: Findings) -> str:
    """Return what was found as text; problems come last."""
    lines = [
        f'{dataset.path}: layout {dataset.layout}, {findings.images} images, {findings.labels} labels, '
        f'{len(dataset.sequences)} sequences'
    ]
    for sequence in dataset.sequences:
        lines.append(
            f'  {sequence.name}: {sequence.count} frames at {sequence.rate:g} Hz, {len(sequence.labelled)} labelled'
        )
    total = max(sum(findings.pixels) + findings.void, 1)
    names = [c.name for c in dataset.classes]
    for name, pixels in [*zip(names, findings.pixels, strict=True), ('void', findings.void)]:
        lines.append(f'  {name:20} {100 * pixels / total:6.2f} % of the pixels')
    lines += [f'note: {note}' for note in findings.notes]
    count = len(findings.problems)
    lines.append(f'{count} problem{"s" if count != 1 else ""}' + (':' if count else ''))
    return '\n'.join([*lines, *findings.problems])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the summary; return 1 if anything is wrong."""
    parser = argparse.ArgumentParser('check_data', description=__doc__)
    parser.add_argument('path', help='folder of the data')
    parser.add_argument('--layout', choices=LAYOUTS, default='', help='default: recognised; never stills')
    parser.add_argument('--classes', default='', help='class list or YAML file; default: the usual one of the layout')
    parser.add_argument('--split', default='', help='train, val or test, or several as train,val')
    parser.add_argument('--partly-labelled', action='store_true', help='not every image of a plain folder has labels')
    parser.add_argument('--bit-depth', default=AUTO, help=BIT_DEPTH_HELP)
    options = parser.parse_args(arguments)
    return guarded('check_data', lambda: _check(options))


def _check(options: argparse.Namespace) -> int:
    dataset = open_dataset(
        options.path,
        options.classes,
        layout=options.layout,
        split=options.split,
        partly_labelled=options.partly_labelled,
        bit_depth=options.bit_depth,
    )
    with tqdm(total=count_images(dataset), unit='image', leave=False) as bar:
        findings = examine(dataset, bar.update)
    print(summary(dataset, findings))
    return 1 if findings.problems else 0
