# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``check_model``: what was found out about a key network and from where, what it says of a picture, and how fast."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from davss_ros.command_line import guarded
from davss_ros.core.classes import VOID
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.foreign_key import UNSAID, ForeignKeyNetwork, load_foreign_key, measured
from davss_ros.core.frames import check_frame, to_frame_size, to_tensor
from davss_ros.core.labels import merge
from davss_ros.core.visualize import Painter
from davss_ros.datasets.coding import ClassIds
from davss_ros.engines.device import choose_device, choose_precision
from davss_ros.engines.engine_network import engine_of
from davss_ros.errors import ConfigError, DataError
from davss_ros.evaluate.command import add_settings, settings_of
from davss_ros.evaluate.confusion import ConfusionMatrix
from davss_ros.exchange.listing import listing
from davss_ros.exchange.original import original_scores
from davss_ros.exchange.timing import key_ms, windows_ms
from davss_ros.images.files import read_image
from davss_ros.images.labels import read_label
from davss_ros.networks.foreign.crop import crop_agreement
from davss_ros.networks.foreign.description import Description, as_metadata
from davss_ros.networks.interface import KeyNetwork
from davss_ros.networks.registry import NETWORKS

Labels = NDArray[np.uint8]
SHIFTS = (-1, 0, 1)
OPACITY = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Check and print; return the exit status."""
    parser = argparse.ArgumentParser('check_model', description=__doc__)
    parser.add_argument('network', nargs='?', default='', help='onnx:FILE, hf:FOLDER, torchscript:FILE, pt2:FILE')
    parser.add_argument('--image', type=Path, help='a picture as your camera takes them')
    parser.add_argument('--labels', type=Path, help='its labels, ids in one channel')
    parser.add_argument('--out', type=Path, default=Path('check_model.png'), help='overlay; default: check_model.png')
    parser.add_argument('--write', action='store_true', help='write what was found into a file beside the network')
    parser.add_argument('--list', action='store_true', help='list networks and engines, those of other packages too')
    add_settings(parser)
    options = parser.parse_args(arguments)
    return guarded('check_model', lambda: _check(options))


def _check(options: argparse.Namespace) -> int:
    if options.list:
        print('\n'.join(listing()))
    else:
        print_check(options)
    return 0


def print_check(options: argparse.Namespace) -> None:
    """Check the network that ``options`` name and print what came of it.

    Raises:
        DavssError: the network or the picture cannot be used.
    """
    config = replace(settings_of(options), key=options.network or options.key)
    image = read_image(options.image) if options.image else None
    if options.labels and image is None:
        raise ConfigError('--labels: expected --image, of which they are, too')
    if image is not None:
        check_frame(image)
    device = choose_device(config.device)
    network = load_foreign_key(config, device, choose_precision(config.precision, device))
    if network is None:
        raise ConfigError(
            f'network: expected onnx:FILE, hf:FOLDER, torchscript:FILE, pt2:FILE or openvino:FILE.xml, found '
            f'{config.key!r}; those of this package ({", ".join(NETWORKS["key"])}) need no check'
        )
    if image is not None:
        network = _with_crops(network, image, config)
    description = network.description
    print(table(description))
    if image is not None:
        for line in _on_picture(network, image, config, options):
            print(line)
    if options.write:
        print(f'written: {write_beside(network)}')


def table(description: Description) -> str:
    """Return everything that is known, its value and where it was found, as lines of three columns."""
    rows = [('what', 'value', 'from'), *description.rows()]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    return '\n'.join(f'{name:{widths[0]}}  {value:{widths[1]}}  {source}' for name, value, source in rows)


def _with_crops(network: ForeignKeyNetwork, image: Labels, config: SegmenterConfig) -> ForeignKeyNetwork:
    """Return the network with what windows of this picture show, unless somebody has said whether it is crop-safe."""
    description = network.description
    said = description.sources['crop_safe']
    if any(description.size) or not (said == UNSAID or said.startswith('windows of')):
        return network
    frame = to_tensor(image, config.working_height, choose_device(config.device))
    agreement = crop_agreement(network.called('key'), frame)
    described = measured(description, agreement, 'this picture')
    print(f'windows of this picture: {agreement.labels:.1%} of the labels as in the whole of it')
    return replace(network, foreign=replace(network.foreign, description=described))


def _on_picture(
    network: ForeignKeyNetwork, image: Labels, config: SegmenterConfig, options: argparse.Namespace
) -> list[str]:
    key = network.called('key')
    frame = to_tensor(image, config.working_height, choose_device(config.device))
    labels = labels_of(key, image, config)
    painter = Painter(network.description.classes)
    overlay = cv2.cvtColor(painter.overlay(image, labels, OPACITY), cv2.COLOR_RGB2BGR)
    try:
        written = cv2.imwrite(str(options.out), overlay)
    except cv2.error as error:  # a suffix that it does not know
        raise DataError(f'--out: expected a name as overlay.png, found {options.out}') from error
    if not written:
        raise DataError(f'--out: cannot be written: {options.out}')
    lines = [f'overlay: {options.out}', f'classes here: {_most(labels, network.description)}']
    original = original_scores(network.foreign, frame)
    if isinstance(original, str):
        lines.append(f'original framework: {original}')
    else:
        name, scores = original
        same = float((scores.argmax(1) == key(frame).argmax(1).cpu()).float().mean())
        lines.append(f'original framework: {same:.2%} of the labels as by {name}')
    if options.labels:
        lines += shifted_lines(labels, _ids(options.labels, image), network.description)
    engine = engine_of(key)
    size = f'{frame.shape[3]}x{frame.shape[2]}'
    lines.append(f'as key network: {key_ms(key, frame):.1f} ms for {size} ({engine})')
    if any(network.description.size):
        lines.append('in windows: not at all, it takes frames of one size')
    else:
        lines.append(f'two windows: {windows_ms(key, frame):.1f} ms')
    return lines


def labels_of(key: KeyNetwork, image: Labels, config: SegmenterConfig) -> Labels:
    """Return the labels of a picture (H, W) by the key network alone."""
    frame = to_tensor(image, config.working_height, choose_device(config.device))
    labels = merge(key(frame))[0].cpu().numpy()
    return to_frame_size(labels, image.shape[:2], config.working_height)


def shifted_lines(labels: Labels, ids: Labels, description: Description) -> list[str]:
    """Return the mIoU for the ids of a label image as they are understood, and for ids one lower and one higher.

    Args:
        labels: the network's classes (H, W).
        ids: of the label image (H, W).
        description: says which id the first class has, and which is none.
    """
    void = (ids == description.unlabelled) | (ids == VOID)
    scores = {shift: miou_shifted(labels, ids, void, description, shift) for shift in SHIFTS}
    figures = ', '.join(f'{shift:+d}: {100 * score:.1f}' for shift, score in scores.items())
    lines = [f'mIoU with the ids shifted by {figures}']
    best = max(scores, key=lambda shift: (np.nan_to_num(scores[shift], nan=-1.0), shift == 0))
    if best != 0:
        fitting = description.label_offset - best
        lines.append(
            f'warning: the ids fit best shifted by {best:+d}: label_offset is {description.label_offset}, '
            f'{fitting} would fit; set key_options to "label_offset={fitting}"'
        )
    return lines


def miou_shifted(labels: Labels, ids: Labels, void: NDArray[np.bool_], description: Description, shift: int) -> float:
    """Return the mIoU, in [0, 1], of classes against ids with ``shift`` added; ids that are no class are void."""
    classes = len(description.classes)
    true = ids.astype(np.int64) - description.label_offset + shift
    true[void | (true < 0) | (true >= classes)] = VOID
    matrix = ConfusionMatrix(classes)
    matrix.add(labels, true.astype(np.uint8))
    return matrix.miou()


def _ids(path: Path, image: Labels) -> Labels:
    try:
        ids = ClassIds().decode(read_label(path))
    except DataError as error:
        raise DataError(f'{path}: {error}') from error
    if ids.shape != image.shape[:2]:
        raise DataError(
            f'{path}: expected the size of the picture, {image.shape[1]}x{image.shape[0]}, '
            f'found {ids.shape[1]}x{ids.shape[0]}'
        )
    return ids


def _most(labels: Labels, description: Description) -> str:
    counts = np.bincount(labels.ravel(), minlength=len(description.classes))
    order = [int(i) for i in np.argsort(-counts, kind='stable')[:5] if counts[i]]
    return ', '.join(f'{description.classes[i].name} {counts[i] / labels.size:.0%}' for i in order)


def write_beside(network: ForeignKeyNetwork) -> Path:
    """Write all that was found into a file beside the network, which the node then reads; return which.

    Raises:
        ConfigError: there is a file already.
    """
    path = network.foreign.source.path
    out = path / 'davss.yaml' if path.is_dir() else path.with_suffix('.yaml')
    if out.exists():
        raise ConfigError(f'--write: {out} is there already; move it away first')
    out.write_text(yaml.safe_dump(as_metadata(network.description), sort_keys=False, allow_unicode=True))
    return out
