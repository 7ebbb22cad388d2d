# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``export``: a network of a model as ONNX, OpenVINO or ``torch.export``, with all that its user must know inside."""

import argparse
import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from davss_ros.command_line import guarded
from davss_ros.core.model import load_model
from davss_ros.errors import ConfigError, DataError
from davss_ros.evaluate.command import add_settings, settings_of
from davss_ros.exchange.exportable import (
    ROLES,
    Exportable,
    exportable,
    exported_program,
)
from davss_ros.exchange.int8 import Quantised, quantise, read_frames
from davss_ros.networks.foreign.onnx_file import METADATA
from davss_ros.networks.foreign.source import foreign_source
from davss_ros.networks.foreign.torch_files import EXTRA
from davss_ros.networks.resample import SCALE
from davss_ros.recordings.arguments import add_topic, positive

FORMATS = {'onnx': '.onnx', 'openvino': '.xml', 'pt2': '.pt2'}


def write(network: Exportable, form: str, out: Path, int8: Quantised | None = None) -> None:
    """Write ``network``.

    Args:
        network: what.
        form: a key of `FORMATS`.
        out: the file; OpenVINO's has a .bin beside it.
        int8: what it was quantised to; that is written then.

    Raises:
        ConfigError: it cannot be traced, or a package is not installed.
    """
    if int8 is not None:
        int8.save(out, json.dumps(network.metadata | {'int8': int8.summary}))
        return
    text = json.dumps(network.metadata)
    program = exported_program(network)
    if form == 'pt2':
        torch.export.save(program, str(out), extra_files={EXTRA: text})
        return
    with TemporaryDirectory() as folder:
        path = out if form == 'onnx' else Path(folder) / 'network.onnx'
        write_onnx(network, program, path, text)
        if form == 'openvino':
            write_openvino(path, out, text)


def write_onnx(network: Exportable, program: Any, path: Path, metadata: str) -> None:
    """Write an exported program as ONNX, in one file."""
    onnx = needed('onnx', 'onnx')
    needed('onnxscript', 'onnx')
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        written = torch.onnx.export(
            program,
            dynamo=True,
            input_names=list(network.inputs),
            output_names=[network.output],
            optimize=True,
            verbose=False,
        )
    model = written.model_proto  # type: ignore[union-attr]  # None where dynamo is False
    onnx.helper.set_model_props(model, {METADATA: metadata})
    partial = path.with_suffix('.partial')
    onnx.save(model, str(partial))
    partial.replace(path)


def write_openvino(source: Path, out: Path, metadata: str) -> None:
    """Write an ONNX file in OpenVINO's own form."""
    openvino = needed('openvino', 'openvino')
    model = openvino.Core().read_model(source)
    model.set_rt_info(metadata, [METADATA])
    openvino.save_model(model, str(out), compress_to_fp16=False)


def needed(package: str, extra: str) -> Any:
    """Return a package that not every installation has; `ConfigError` with the way to get it if it is not there."""
    from importlib import import_module

    try:
        return import_module(package)
    except ImportError as error:
        raise ConfigError(f"--format: {package} is not installed; pip install 'davss_ros[{extra}]'") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Export; return the exit status."""
    parser = argparse.ArgumentParser('export', description=__doc__)
    parser.add_argument('role', choices=ROLES, help='which network of the model')
    parser.add_argument('--format', choices=FORMATS, default='onnx')
    parser.add_argument('--out', type=Path, required=True, help='file to be written')
    parser.add_argument('--size', type=parse_size, default=(0, 0), help='WIDTHxHEIGHT of all frames; default: any')
    parser.add_argument('--int8', action='store_true', help='in whole numbers of 8 bits, by NNCF; needs --frames')
    parser.add_argument('--frames', type=Path, help='video, folder or bag: half of it calibrates, the other half tells')
    parser.add_argument('--count', type=positive, default=120, help='of these frames; default: 120')
    add_topic(parser)
    add_settings(parser)
    options = parser.parse_args(arguments)
    return guarded('export', lambda: _export(options))


def parse_size(text: str) -> tuple[int, int]:
    """Return (height, width) of ``WIDTHxHEIGHT``, multiples of 4; `argparse.ArgumentTypeError` otherwise."""
    width, cross, height = text.lower().partition('x')
    if not (cross and width.isdecimal() and height.isdecimal()) or int(width) % SCALE or int(height) % SCALE:
        raise argparse.ArgumentTypeError(f'expected WIDTHxHEIGHT, multiples of {SCALE}, as 640x480, found {text!r}')
    return int(height), int(width)


def _export(options: argparse.Namespace) -> int:
    if options.int8 and (options.frames is None or options.format == 'pt2'):
        raise ConfigError('--int8: expected --frames VIDEO to calibrate with, and --format onnx or openvino')
    if options.out.suffix != FORMATS[options.format]:
        raise ConfigError(f'--out: expected a name ending in {FORMATS[options.format]}, found {options.out.name!r}')
    if not options.out.resolve().parent.is_dir():
        raise DataError(f'--out: no such folder: {options.out.resolve().parent}')
    config = replace(settings_of(options), precision='float32', device='cpu', key_views=1)
    source = foreign_source(config.key)
    reads_torch = source is None or source.kind not in ('onnx', 'openvino')
    config = replace(config, engine='torch' if reads_torch else 'auto')
    if any(options.size):
        config = replace(config, working_height=0)
    frames = read_frames(options.frames, options.topic, options.count, options.size) if options.int8 else []
    model = load_model(config)
    network = exportable(model, options.role, options.size)
    if not options.int8:
        write(network, options.format, options.out)
        print(f'{options.out}: {options.role} of {model.name}, {len(model.classes)} classes')
        return 0
    with TemporaryDirectory() as folder:
        float_file = Path(folder) / 'network.onnx'
        write(network, 'onnx', float_file)
        int8 = quantise(float_file, options.format, model, config, options.role, list(network.inputs), frames)
    write(network, options.format, options.out, int8)
    print(f'{options.out}: {options.role} of {model.name} in int8: {int8.description}')
    return 0
