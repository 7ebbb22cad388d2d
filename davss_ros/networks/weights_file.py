# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The tensors in a weights file, whatever wrote it; nothing pickled is ever executed.

What is in a file is told by its content, not by its name: safetensors, or what ``torch.save`` writes.
"""

import json
import pickle
import re
import warnings
import zipfile
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path, PosixPath, PurePosixPath
from typing import Any

import numpy as np
import safetensors
import torch
from torch import Tensor

from davss_ros.errors import WeightsError

_LOOKED_AT = 1024  # bytes at the start of a file
_ZIP = b'PK\x03\x04'
_DEEPEST = 5  # dictionaries within dictionaries
_LEFT_OUT = re.compile(r'.*optim.*|.*sched.*|.*scaler.*', re.IGNORECASE)  # entries that are no networks
# names that wrappers put before those of a network, or (the first three) anywhere: DataParallel and the averaging of
# torch, torch.compile, FSDP, Lightning, DeepSpeed
_ANYWHERE = ('module', '_orig_mod', '_fsdp_wrapped_module')
_BEFORE = ('model', 'net', 'network', 'ema', 'ema_model', 'model_ema', 'student', '_forward_module')


def read_tensors(path: Path) -> tuple[Any, dict[str, str]]:
    """Return what the file at ``path`` holds, tensors in dictionaries, and a safetensors file's metadata.

    Raises:
        WeightsError: another kind of file, a damaged one, or one with more than tensors and numbers in it.
    """
    try:
        with path.open('rb') as file:
            start = file.read(_LOOKED_AT)
        _refuse_others(path, start)
        if start[8:9] == b'{' and not start.startswith(_ZIP):
            return _read_safetensors(path)
        if not hasattr(torch.serialization, 'safe_globals'):
            raise WeightsError(f'{path}: what torch.save writes needs torch 2.5 at least, found {torch.__version__}')
        with warnings.catch_warnings(), torch.serialization.safe_globals(_harmless()), path.open('rb') as file:
            warnings.simplefilter('ignore')  # of what it may not understand; what it did not is an error below
            return torch.load(file, map_location='cpu', weights_only=True), {}  # of a path it would go by the name
    except WeightsError:
        raise
    except pickle.UnpicklingError as error:
        found = re.search(r'GLOBAL ([\w.]+)|class ([\w.]+)', str(error))
        what = f' ({found[1] or found[2]})' if found else ''
        raise WeightsError(
            f'{path}: holds more than tensors{what}, or is no checkpoint; it was not executed. '
            'Save a plain state dict, torch.save(network.state_dict(), FILE), or safetensors'
        ) from error
    except Exception as error:  # whatever the readers of torch and safetensors throw at a damaged file
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WeightsError(f'{path}: damaged or no weights file: {line[:200]}') from error


def find_networks(loaded: Any, prefixes: frozenset[str]) -> dict[str, dict[str, Tensor]]:
    """Return the sets of tensors in ``loaded`` that belong to networks, by the place of each, as ``ema.state_dict``.

    A set belongs to networks if any of its names, less what wrappers put before it, starts with one of ``prefixes``.
    Its names are returned without the wrappers'. Wrapped and unwrapped names that are the same are sets of their own.
    """
    found: dict[str, dict[str, Tensor]] = {}
    for place, tensors in _sets(loaded, prefixes, '', 0):
        groups: dict[str, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            wrapper, plain = _unwrapped(name, prefixes)
            groups.setdefault(wrapper, {})[plain] = value
        names = [name for group in groups.values() for name in group]
        if len(set(names)) == len(names):
            groups = {'': {name: value for group in groups.values() for name, value in group.items()}}
        for wrapper, group in groups.items():
            if any(name.partition('.')[0] in prefixes for name in group):
                found['.'.join(filter(None, (place, wrapper)))] = group
    return found


def tensor_names(loaded: Any) -> list[str]:
    """Return the names of all tensors in ``loaded``."""
    return [name for _, tensors in _sets(loaded, frozenset(), '', 0) for name in tensors]


def check_tensor(path: Path, name: str, value: Tensor) -> Tensor:
    """Return the tensor as it may be used.

    Raises:
        WeightsError: it is sparse, quantised, complex or without data, or holds NaN or infinity.
    """
    kind = next(
        (
            word
            for word, wrong in (
                ('quantised', value.is_quantized),
                ('sparse', value.layout != torch.strided),
                ('without data', value.is_meta),
                ('complex', value.is_complex()),
            )
            if wrong
        ),
        '',
    )
    if kind:
        raise WeightsError(f'{path}: {name}: expected a plain tensor of real numbers, found one that is {kind}')
    value = value.detach()
    if value.is_floating_point():
        finite = torch.isfinite(value if value.dtype.itemsize > 1 else value.float())
        if not finite.all():
            wrong = int(finite.logical_not().sum())
            raise WeightsError(f'{path}: {name}: {wrong} of {value.numel()} values are NaN or infinite')
    return value


def _refuse_others(path: Path, start: bytes) -> None:
    """Raise `WeightsError` for files that are often taken for weights, each with its own way out."""
    text = start.lstrip(b'\xef\xbb\xbf \t\r\n').lower()
    if not start:
        raise WeightsError(f'{path}: damaged or no weights file: it is empty')
    if text.startswith(b'version https://git-lfs'):
        raise WeightsError(f'{path}: a git-lfs pointer, not the weights that it points to; `git lfs pull` fetches them')
    if text.startswith((b'<!doctype', b'<html', b'<?xml', b'<head')):
        raise WeightsError(f'{path}: a web page, not weights; the download gave a page instead, so download it anew')
    if start.startswith(b'\x1f\x8b'):
        raise WeightsError(f'{path}: compressed by gzip; unpack it first')
    if start.startswith(b'\x89HDF'):
        raise WeightsError(f'{path}: an HDF5 file, as Keras writes, not of torch.save or safetensors')
    if start.startswith(_ZIP):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if any(name.endswith('/constants.pkl') or '/code/' in name for name in names):
            raise WeightsError(
                f'{path}: a TorchScript archive, a program with its weights; programs are not run. '
                'Save torch.jit.load(FILE).state_dict() with torch.save'
            )
        if not any(name.endswith('data.pkl') for name in names):
            raise WeightsError(f'{path}: a zip archive, but none of torch.save; if weights are packed in it, unpack it')


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safetensors.safe_open(str(path), framework='pt') as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no dictionary
        metadata = dict(file.metadata() or {})
    json.dumps(metadata)  # text throughout
    return tensors, metadata


def _harmless() -> list[Any]:
    """Return what stands beside tensors in many checkpoints, and only holds values: numpy's numbers, options, paths."""
    scalar: Any = getattr(np, '_core', getattr(np, 'core', None)).multiarray.scalar  # type: ignore[union-attr]  # either is there
    numbers = (np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64)
    kinds = {type(np.dtype(kind)) for kind in (*numbers, np.float16, np.float32, np.float64)}
    old_name = (scalar, 'numpy.core.multiarray.scalar')  # as numpy 1 writes it
    return [scalar, old_name, np.dtype, *kinds, Namespace, PosixPath, PurePosixPath]


def _sets(loaded: Any, prefixes: frozenset[str], place: str, depth: int) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """Yield dictionaries with tensors, each with its place; those of single networks, by role, count as one."""
    if not isinstance(loaded, Mapping) or depth > _DEEPEST:
        return
    entries = {name: value for name, value in loaded.items() if isinstance(name, str)}
    tensors = {name: value for name, value in entries.items() if isinstance(value, Tensor)}
    for name, value in entries.items():
        if not isinstance(value, Mapping) or _LEFT_OUT.fullmatch(name):
            continue
        if name in prefixes:
            tensors |= {f'{name}.{inner}': tensor for inner, tensor in value.items() if isinstance(tensor, Tensor)}
        else:
            yield from _sets(value, prefixes, f'{place}.{name}' if place else name, depth + 1)
    if tensors:
        yield place, tensors


def _unwrapped(name: str, prefixes: frozenset[str]) -> tuple[str, str]:
    """Return what wrappers put before a name, and the name without it."""
    parts = [part for part in name.split('.') if part not in _ANYWHERE]
    before = 0
    while before < len(parts) - 1 and parts[before] not in prefixes and parts[before] in _BEFORE:
        before += 1
    if parts[before : before + 1] and parts[before] not in prefixes:
        before = 0
    return '.'.join(parts[:before]), '.'.join(parts[before:])
