# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""From the name of a network to one that can be used: everything found out, checked, and put behind our interface."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from davss_ros.core.classes import load_classes
from davss_ros.errors import ConfigError, WeightsError
from davss_ros.networks.foreign.adapter import ForeignFile, ForeignKey, as_taken, named_outputs
from davss_ros.networks.foreign.beside import description_beside, read_description
from davss_ros.networks.foreign.description import Description
from davss_ros.networks.foreign.huggingface import preprocessor_size, read_huggingface
from davss_ros.networks.foreign.onnx_file import OnnxFile, graph_facts, metadata_facts, read_onnx
from davss_ros.networks.foreign.openvino_file import read_openvino
from davss_ros.networks.foreign.settings import SETTINGS, Facts, Settled, class_facts, read_options
from davss_ros.networks.foreign.source import ForeignSource
from davss_ros.networks.foreign.torch_files import read_exported, read_torchscript
from davss_ros.networks.foreign.trial import Run, try_out

RunFile = Callable[[Path, Tensor], Sequence[Tensor]]  # what an engine gives for an input
PREPARATION = ('scale', 'mean', 'std', 'channels')  # what no run of a network can tell
TYPES = {'FLOAT16': torch.float16, 'UINT8': torch.uint8}
DEFAULTS = {'label_offset': 0, 'unlabelled': 255, 'batch': 0, 'crop_safe': False}


@dataclass(frozen=True)
class Foreign:
    """A network of somebody else's, ready for an engine."""

    source: ForeignSource
    network: ForeignKey | ForeignFile
    description: Description


def load_foreign(
    source: ForeignSource, run_file: RunFile, *, classes: str = '', description: str = '', options: str = ''
) -> Foreign:
    """Load a network and find out what must be known of it.

    Each value is the first one that is said by: parameters; metadata inside the file; a file beside it; the files of
    its ecosystem; its graph; a trial run. Beside the parameters the user may have named a file.

    Args:
        source: where it is.
        run_file: computes a file that engines read themselves.
        classes: parameter of that name.
        description: parameter ``key_description``, a YAML or JSON file.
        options: parameter ``key_options``, see `read_options`.

    Raises:
        ConfigError: a value is wrong, or missing; the message names the parameter.
        WeightsError: the network is damaged, unsafe, or no segmentation network.
    """
    settled = Settled().take(read_options(options))
    if classes:
        settled.take(class_facts(load_classes(classes), 'parameter classes'))
    if description:
        settled.take(read_description(Path(description).expanduser()))
    if source.kind in ('onnx', 'openvino'):
        return _load_file(source, run_file, settled)
    return _load_module(source, settled)


def _load_file(source: ForeignSource, run_file: RunFile, settled: Settled) -> Foreign:
    file = read_onnx(source.path) if source.kind == 'onnx' else read_openvino(source.path)
    _take(settled, source, metadata_facts(source.path, file), [graph_facts(source.path, file), *_uint8(source, file)])
    if len(file.inputs) != 1:
        found = ', '.join(port.name for port in file.inputs) or 'none'
        raise WeightsError(f'{source}: expected one input, images, found {found}; export the network of images alone')
    _require(settled, source, ('input', 'layout'))
    dtype = TYPES.get(file.inputs[0].type, torch.float32)
    names = [port.name for port in file.outputs]

    def run_with(values: Mapping[str, Any]) -> Run:
        return lambda image: dict(
            zip(names, run_file(source.path, _prepared(image, values).to(dtype).contiguous()), strict=True)
        )

    try_out(run_with, settled, str(source), '')
    described = _described(settled)
    return Foreign(source, ForeignFile(source.path, described, names, dtype=dtype), described)


def _load_module(source: ForeignSource, settled: Settled) -> Foreign:
    reader = {'hf': read_huggingface, 'torchscript': read_torchscript, 'pt2': read_exported}[source.kind]
    module, facts = reader(source.path)
    inside = facts[:1] if source.kind != 'hf' and facts and facts[0].source.startswith('metadata') else []
    rest = facts[len(inside) :]
    if source.kind == 'hf':
        rest = [*reversed(rest)]  # the preparation says more than what is the rule in transformers
    _take(settled, source, inside, rest)
    settled.fill("torch's convention", {'layout': 'nchw', 'input': 'image'})
    for parameter in module.parameters():
        parameter.requires_grad_(False)  # by itself: a TorchScript module has no such method
    trained = preprocessor_size(source.path) if source.kind == 'hf' else ''
    try_out(lambda values: _module_run(module, values), settled, str(source), trained)
    described = _described(settled)
    return Foreign(source, ForeignKey(module, described, source.checksum(), half=source.kind == 'hf'), described)


def _module_run(module: nn.Module, values: Mapping[str, Any]) -> Run:
    return lambda image: named_outputs(module(_prepared(image, values)), values.get('output', ''))


def _prepared(image: Tensor, values: Mapping[str, Any]) -> Tensor:
    taken = as_taken(image, *(values[name] for name in PREPARATION))
    return taken.permute(0, 2, 3, 1) if values['layout'] == 'nhwc' else taken


def _take(settled: Settled, source: ForeignSource, inside: Sequence[Facts], ecosystem: Sequence[Facts]) -> None:
    beside = description_beside(source)
    own = [facts for facts in inside if facts.source.startswith('metadata')]
    others = [facts for facts in inside if facts not in own]
    for facts in (*own, *([beside] if beside else []), *others, *ecosystem):
        settled.take(facts)
    _require(settled, source, PREPARATION)
    settled.order_colors()


def _uint8(source: ForeignSource, file: OnnxFile) -> list[Facts]:
    """Return the facts of a network that takes bytes: as they are."""
    if file.inputs[0].type != 'UINT8':
        return []
    return [Facts(f"{source.path.name}'s graph, which takes bytes", {'scale': 1, 'mean': 0, 'std': 1})]


def _require(settled: Settled, source: ForeignSource, names: Sequence[str]) -> None:
    missing = settled.missing(names)
    if missing:
        what = ', '.join(f'{name} ({SETTINGS[name].expected})' for name in missing)
        beside = 'davss.yaml in it' if source.path.is_dir() else f'{source.path.with_suffix(".yaml").name} beside it'
        example = ' '.join(f'{name}={EXAMPLES.get(name, "NAME")}' for name in missing)
        raise ConfigError(
            f'key_options: expected {what}: {source} does not say it, nor does a file {beside}; '
            f'set key_options, as "{example}"'
        )


EXAMPLES = {'scale': '1/255', 'mean': 'imagenet', 'std': 'imagenet', 'channels': 'rgb', 'layout': 'nchw'}


def _described(settled: Settled) -> Description:
    settled.fill('nothing says otherwise', DEFAULTS)
    return Description(**{name: settled.values[name] for name in SETTINGS}, sources=dict(settled.sources))
