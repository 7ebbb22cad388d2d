# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Networks as TorchScript or as `torch.export` programs; nothing pickled that holds more than tensors is loaded."""

import os
import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from davss_ros.errors import WeightsError
from davss_ros.networks.foreign.onnx_file import METADATA, own_metadata
from davss_ros.networks.foreign.settings import Facts

EXTRA = f'{METADATA}.json'  # file in the archive that holds our description
OBJECTS = ('opaque_obj', 'custom_obj')  # parts of an exported program that torch unpickles whatever they are


def read_torchscript(path: Path) -> tuple[nn.Module, list[Facts]]:
    """Return the network of a TorchScript file and what the file says; `WeightsError` if it is damaged or none."""
    extra = {EXTRA: ''}
    names = _members(path, 'a TorchScript file')
    if not any(name.endswith('constants.pkl') for name in names):
        raise WeightsError(
            f'{path}: no TorchScript: it holds no code. A plain checkpoint needs the program it was trained by; '
            'save the network with torch.jit.trace(...).save(FILE), or export it to ONNX'
        )
    try:
        module = torch.jit.load(str(path), map_location='cpu', _extra_files=extra)
    except Exception as error:  # RuntimeError mostly; whatever a damaged archive leads to
        raise WeightsError(f'{path}: damaged TorchScript: {_line(error)}') from error
    module.eval()
    return module, _facts(path, extra)


def read_exported(path: Path) -> tuple[nn.Module, list[Facts]]:
    """Return the network of a file of `torch.export.save` and what the file and its graph say.

    Raises:
        WeightsError: it is damaged, of another version, or holds pickled objects that are more than tensors.
    """
    _refuse_code(path, _members(path, 'a file of torch.export'))
    extra = {EXTRA: ''}
    try:
        with _tensors_only(), path.open('rb') as file:
            program = torch.export.load(file, extra_files=extra)
        module = program.module()
    except pickle.UnpicklingError as error:
        raise WeightsError(f'{path}: holds more than tensors; it was not executed') from error
    except Exception as error:  # as above
        raise WeightsError(
            f'{path}: damaged, or exported by another version of torch (this is {torch.__version__}): {_line(error)}'
        ) from error
    graph = Facts(f"{path.name}'s graph", _signature(path, program))
    return module, [*_facts(path, extra), graph]


def _signature(path: Path, program: Any) -> dict[str, Any]:
    inputs = program.graph_signature.user_inputs
    values = [node.meta.get('val') for node in program.graph.nodes if node.name in inputs]
    if len(values) != 1 or not isinstance(values[0], torch.Tensor):
        raise WeightsError(f'{path}: expected one input, images, found {len(inputs)}')
    shape = [side if isinstance(side, int) else None for side in values[0].shape]
    if len(shape) != 4:
        raise WeightsError(f'{path}: expected images of 4 dimensions (N, 3, H, W), found {len(shape)}')
    if values[0].dtype != torch.float32:
        raise WeightsError(f'{path}: expected images of float32, found {str(values[0].dtype).removeprefix("torch.")}')
    last = shape[3] == 3 and shape[1] != 3
    _, rows, columns = (shape[i] for i in ((3, 1, 2) if last else (1, 2, 3)))
    found: dict[str, Any] = {'input': str(inputs[0]), 'layout': 'nhwc' if last else 'nchw'}
    found['batch'] = 1 if shape[0] == 1 else 0
    if rows and columns:
        found['size'] = f'{columns}x{rows}'
    return found


def _facts(path: Path, extra: dict[str, Any]) -> list[Facts]:
    text = extra[EXTRA]
    text = text.decode() if isinstance(text, bytes) else text
    return [own_metadata(path, text)] if text else []


def _members(path: Path, what: str) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise WeightsError(f'{path}: cut off or not {what}: {error}') from error


def _refuse_code(path: Path, names: list[str]) -> None:
    if not any(name.endswith('models/model.json') for name in names):
        raise WeightsError(f'{path}: not a file of torch.export.save: it holds no models/model.json')
    if any('/data/aotinductor/' in name for name in names):
        raise WeightsError(f'{path}: holds compiled code (AOTInductor), which is not run; use torch.export.save')
    objects = [name for name in names if name.rpartition('/')[2].startswith(OBJECTS)]
    if objects:
        raise WeightsError(f'{path}: {objects[0]} is a pickled object, no tensor; it was not executed')


@contextmanager
def _tensors_only() -> Iterator[None]:
    """Keep `torch.export.load` from unpickling more than tensors, which it does where that does not suffice."""
    names = ('TORCH_FORCE_WEIGHTS_ONLY_LOAD', 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD')
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ[names[0]] = '1'
    try:
        yield
    finally:
        del os.environ[names[0]]
        os.environ.update({name: value for name, value in before.items() if value is not None})


def _line(error: Exception) -> str:
    return ' '.join(str(error).split())[:240] or type(error).__name__
