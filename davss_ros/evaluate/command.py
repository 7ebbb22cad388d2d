"""``evaluate``: accuracy against the distance from the key frame, on a folder of labelled consecutive frames."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from math import isnan
from pathlib import Path
from typing import Any

from tqdm import tqdm

from davss_ros.allocator import keep_freed_memory
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import load_model
from davss_ros.data.stills import labelled_images
from davss_ros.errors import DavssError
from davss_ros.evaluate.distance import MODES, DistanceCurve, distance_curves


def evaluate(folder: Path, config: SegmenterConfig, distances: Sequence[int], modes: Sequence[str]) -> dict[str, Any]:
    """Return what ``results.json`` holds: mIoU and IoU per class, in per cent, for every mode and distance.

    ``per_frame`` (the key network on every frame) is always among them. Without modes, only it is measured, and the
    images need not be consecutive.

    Raises:
        DavssError: the data or the model does not fit.
    """
    pairs = labelled_images(folder)
    model = load_model(config)
    frames = [(pair.image(), pair.labels(len(model.classes))) for pair in pairs]
    longest = max(distances) if modes else 0
    total = len(frames) - longest + len(modes) * (len(frames) - 1)
    with tqdm(total=total, unit='step', desc=folder.name) as bar:
        curves = distance_curves(frames, model, config, distances, modes, bar.update)
    names = [one.name for one in model.classes]
    return {
        'data': folder.name,
        'frames': len(frames),
        'model': model.name,
        'distances': list(distances) if modes else [],
        'modes': {name: _mode(curve, names) for name, curve in curves.items()},
    }


def table(results: dict[str, Any]) -> str:
    """Return mIoU per mode and distance as text."""
    distances = results['distances']
    rows = [['mIoU at distance', *map(str, distances), 'mean']]
    for name, mode in results['modes'].items():
        if name == 'per_frame':
            continue
        rows.append([name, *(f'{mode["miou"][str(d)]:.1f}' for d in distances), f'{mode["miou"]["mean"]:.1f}'])
    single = results['modes']['per_frame']
    classes = [f'  {name:12} {value:5.1f}' for name, value in single['iou']['0'].items() if value is not None]
    lines = [f'per_frame: mIoU {single["miou"]["mean"]:.2f}', *classes]
    if distances:
        lines += ['  '.join([f'{row[0]:17}', *(f'{cell:>5}' for cell in row[1:])]) for row in rows]
    return '\n'.join(lines)


def _mode(curve: DistanceCurve, names: Sequence[str]) -> dict[str, Any]:
    miou = curve.miou()
    return {
        'miou': {**{str(d): round(v, 3) for d, v in miou.items()}, 'mean': round(sum(miou.values()) / len(miou), 3)},
        'iou': {
            str(d): {
                name: None if isnan(value) else round(100 * float(value), 2)  # nan: neither seen nor predicted
                for name, value in zip(names, matrix.iou(), strict=True)
            }
            for d, matrix in curve.confusion.items()
        },
    }


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


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` an option for every text setting of the segmenter, and the working height."""
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
    """Evaluate, print the table, write ``results.json``; return the exit status."""
    parser = argparse.ArgumentParser('evaluate', description=__doc__)
    parser.add_argument('folder', type=Path, help='holds images/ and labels/')
    parser.add_argument('--distances', type=parse_distances, default=parse_distances('1-9'), help='default: 1-9')
    parser.add_argument('--modes', nargs='*', choices=MODES, default=list(MODES))
    parser.add_argument('--stills', action='store_true', help='unrelated images: measure the key network only')
    parser.add_argument('--out', type=Path, help='folder for results.json')
    add_settings(parser)
    options = parser.parse_args(arguments)
    keep_freed_memory()
    try:
        results = evaluate(
            options.folder, settings_of(options), options.distances, [] if options.stills else options.modes
        )
    except (DavssError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(table(results))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / 'results.json').write_text(json.dumps(results, indent=1) + '\n')
    return 0
