# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What tells data and networks from others, in 16 hex digits, so that no run goes on with what was made of others."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.datasets.stills import LabelledImage
from davss_ros.errors import DataError
from davss_ros.networks.weights import locate
from davss_ros.yaml_file import user_path


def of_stills(stills: Sequence[LabelledImage]) -> str:
    """Return that of labelled images: names and sizes of the files, and how their labels are meant."""
    files = [(path.name, path.stat().st_size) for still in stills for path in (still.image_path, still.label_path)]
    return of_text([*files, *sorted({repr(still.coding) for still in stills})])


def of_videos(paths: Iterable[Path]) -> str:
    """Return that of videos, folders and bags: names and sizes of the files."""
    return of_text([(path.name, _sizes(user_path(path))) for path in paths])


def of_tensors(state: Mapping[str, Tensor]) -> str:
    """Return that of a network's weights."""
    digest = hashlib.blake2b(digest_size=8)
    for name, value in sorted(state.items()):
        digest.update(f'{name} {value.dtype} {tuple(value.shape)}'.encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def of_arrays(arrays: Iterable[NDArray[Any] | None]) -> str:
    """Return that of pixels."""
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        digest.update(b'none' if array is None else f'{array.dtype} {array.shape}'.encode())
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def of_text(value: object) -> str:
    """Return that of what JSON can say."""
    return hashlib.blake2b(json.dumps(value, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()


def write_note(path: Path, made_of: Mapping[str, object]) -> None:
    """Write beside what is made once of what it is made."""
    path.write_text(json.dumps(made_of, indent=1, default=str) + '\n')


def check_note(path: Path, made_of: Mapping[str, object]) -> None:
    """Raise `DataError` unless the note at ``path`` says the same; what only one of them knows does not count."""
    try:
        before = json.loads(path.read_text())
        changed = [name for name in made_of.keys() & before.keys() if before[name] != json.loads(_plain(made_of[name]))]
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f'{path}: missing or damaged; delete what it lies beside') from error
    if changed:
        found = f'{path}: made with other settings ({", ".join(sorted(changed))})'
        raise DataError(f'{found}; choose another --out or delete what it lies beside')


def _plain(value: object) -> str:
    return json.dumps(value, default=str)


def of_file(path: Path) -> str:
    """Return that of what a file holds."""
    with path.open('rb') as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def of_start(source: Path) -> str:
    """Return that of a ``checkpoint.pt``, or of a model as `read_weights` takes it; `WeightsError` if there is none."""
    return of_file(source if source.suffix == '.pt' else locate(str(source))[0])


def _sizes(path: Path) -> list[tuple[str, int]]:
    files = sorted(path.rglob('*')) if path.is_dir() else [path]
    return [(file.name, file.stat().st_size) for file in files if file.is_file()]
