# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``export``: a network of a model as ONNX, OpenVINO or ``torch.export``, with all that its user must know inside."""

import argparse
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from davss_ros.command_line import guarded
from davss_ros.core.model import Model, load_model
from davss_ros.engines.engine_network import plain
from davss_ros.errors import ConfigError, DataError
from davss_ros.evaluate.command import add_settings, settings_of
from davss_ros.exchange.int8 import Quantised, quantise, read_frames
from davss_ros.networks.again import KeyAgain, Mirrored, OneByOne, Smaller
from davss_ros.networks.foreign.description import Description, as_metadata
from davss_ros.networks.foreign.onnx_file import METADATA
from davss_ros.networks.foreign.source import foreign_source
from davss_ros.networks.foreign.torch_files import EXTRA
from davss_ros.networks.interface import FileNetwork, Propagated
from davss_ros.networks.resample import SCALE
from davss_ros.recordings.arguments import add_topic, positive

ROLES = ('key', 'distortion', 'correction')
FORMATS = {'onnx': '.onnx', 'openvino': '.xml', 'pt2': '.pt2'}
EXAMPLE = (96, 160)  # height and width, px, of what free sizes are traced with
LARGEST = 2048  # of a free side, in multiples of 4 px


class _Key(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return self.network(image)


class _Distortion(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, scores: Tensor, carried: Tensor, image: Tensor) -> Tensor:
        return self.network(Propagated(scores, carried), image)


class _Correction(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, scores: Tensor, carried: Tensor) -> Tensor:
        return self.network(image, Propagated(scores, carried))


@dataclass(frozen=True)
class Exportable:
    """A network on its way out.

    Attributes:
        role: one of `ROLES`.
        module: takes tensors by the names of ``inputs``.
        inputs: example of each; the first axis is the number of images.
        metadata: what its user must know, ready for JSON.
    """

    role: str
    module: nn.Module
    inputs: dict[str, Tensor]
    metadata: dict[str, Any]

    @property
    def output(self) -> str:
        """Name of the output."""
        return 'distortion' if self.role == 'distortion' else 'scores'


def exportable(model: Model, role: str, size: tuple[int, int] = (0, 0)) -> Exportable:
    """Return the network that plays ``role`` in ``model``, ready to be written.

    Args:
        model: computed by torch.
        role: one of `ROLES`.
        size: (height, width) of the only frames that it shall take, multiples of 4; (0, 0): any.

    Raises:
        ConfigError: there is none, or it cannot be taken out of the model.
    """
    if role == 'correction' and not model.corrects:
        raise ConfigError('correction: none: there is nothing to export')
    network = torch_network(getattr(model, role), role)
    height, width = size if any(size) else EXAMPLE
    classes, count = len(model.classes), 1 if any(size) else 2
    image, quarter = torch.rand(count, 3, height, width), (height // SCALE, width // SCALE)
    scores, carried = torch.randn(count, classes, *quarter), torch.rand(count, 3, *quarter)
    module: nn.Module
    if role == 'key':
        module, inputs = _Key(network), {'image': image}
    elif role == 'distortion':
        module, inputs = _Distortion(network), {'scores': scores, 'carried': carried, 'image': torch.rand_like(carried)}
    elif isinstance(network, KeyAgain):  # which looks at the frame alone
        module, inputs = _Key(network.key), {'image': image}
    else:
        module, inputs = _Correction(network), {'image': image, 'scores': scores, 'carried': carried}
    metadata = as_metadata(_description(model, size))
    if role == 'distortion' or len(inputs) > 1:  # anything but a key network
        metadata = {'role': role, **metadata}
    return Exportable(role, module.eval(), inputs, metadata)


def torch_network(network: Any, role: str) -> Any:
    """Return the torch module behind what a model calls; `ConfigError` if there is none, as behind an ONNX file."""
    inner = plain(network)
    if isinstance(inner, Mirrored | OneByOne | Smaller):
        return torch_network(inner.key, role)
    if isinstance(inner, KeyAgain):
        return KeyAgain(torch_network(inner.key, role))
    if isinstance(inner, FileNetwork) or not isinstance(inner, nn.Module):
        raise ConfigError(f'{role}: expected a network of torch, found a file; it is exported already')
    return inner.float().cpu().eval()


def _description(model: Model, size: tuple[int, int]) -> Description:
    """Return what must be known of a network of this package: it takes RGB in [0, 1] and gives scores at 1/4 size."""
    return Description(
        input='image',
        layout='nchw',
        size=size,
        multiple=SCALE,
        batch=1 if any(size) else 0,
        scale=1 / 255,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        channels='rgb',
        output='scores',
        output_kind='scores',
        output_layout='nchw',
        stride=SCALE,
        classes=model.classes,
        label_offset=model.description.label_offset if model.description else 0,
        unlabelled=model.description.unlabelled if model.description else 255,
        crop_safe=isinstance(plain(model.correction), KeyAgain) and not any(size),
        sources={},
    )


def exported_program(network: Exportable) -> Any:
    """Return the network as `torch.export` has it, for any number and size of frames, or for those of the example.

    Raises:
        ConfigError: it cannot be had for any size.
    """
    fixed = network.metadata['size'] != 'any'
    shapes = None
    if not fixed:
        number = torch.export.Dim('number', min=1, max=64)
        sides = [torch.export.Dim(name, min=4, max=LARGEST) for name in ('rows', 'columns')]
        shapes = {
            name: {
                0: number,
                **{
                    i + 2: side if value.shape[2] * SCALE == EXAMPLE[0] else SCALE * side
                    for i, side in enumerate(sides)
                },
            }
            for name, value in network.inputs.items()
        }
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            return torch.export.export(network.module, tuple(network.inputs.values()), dynamic_shapes=shapes)
    except Exception as error:  # of torch's tracing, many kinds
        way = '' if fixed else '; give the size of your frames, as --size 640x480'
        raise ConfigError(f'{network.role}: torch.export cannot trace it{way} ({_line(error)})') from error


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


def _line(error: Exception) -> str:
    return ' '.join(str(error).split())[:200]
