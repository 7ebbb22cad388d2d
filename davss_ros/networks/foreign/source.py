# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""How a network of somebody else's is named: ``onnx:FILE``, ``hf:FOLDER``, ``torchscript:FILE``, ``pt2:FILE``."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from davss_ros.errors import ConfigError
from davss_ros.networks.foreign.onnx_file import external_files

FORMS = {  # kind -> what it is, in words
    'onnx': 'an ONNX file',
    'openvino': "OpenVINO's own form, a .xml file with its .bin beside it",
    'hf': 'a folder of Hugging Face transformers',
    'torchscript': 'a TorchScript file',
    'pt2': 'a file of torch.export',
}
SUFFIXES = {'.onnx': 'onnx', '.pt2': 'pt2'}  # that need no kind before them


@dataclass(frozen=True)
class ForeignSource:
    """Where a network is, and of which kind, a key of `FORMS`."""

    kind: str
    path: Path

    def __str__(self) -> str:
        return f'{self.kind}:{self.path}'

    def files(self) -> list[Path]:
        """Return the files that decide what it computes: of a folder, all weights and settings at its top."""
        if self.path.is_dir():
            return sorted(path for path in self.path.iterdir() if path.suffix in ('.json', '.safetensors', '.yaml'))
        return [self.path, *(weights_beside(self.path) if self.kind in ('onnx', 'openvino') else [])]

    def checksum(self) -> str:
        """Return the SHA-256 of these files, one after the other."""
        digest = hashlib.sha256()
        for path in self.files():
            with path.open('rb') as file:
                hashlib.file_digest(file, lambda: digest)
        return digest.hexdigest()


def weights_beside(path: Path) -> list[Path]:
    """Return the other files that an ONNX file, or one of OpenVINO's form, has its weights in."""
    return [path.with_suffix('.bin')] if path.suffix.lower() == '.xml' else external_files(path)


def foreign_source(name: str) -> ForeignSource | None:
    """Return where the network called ``name`` is; None if that is the name of one of this package.

    Raises:
        ConfigError: there is no such file or folder; the message names the parameter ``key``.
    """
    kind, colon, rest = name.partition(':')
    if not (colon and kind in FORMS):
        kind, rest = SUFFIXES.get(Path(name).suffix.lower(), ''), name
    if not kind:
        return None
    path = Path(rest).expanduser()
    if kind == 'hf' and not path.is_dir():
        raise ConfigError(
            f'key: expected {FORMS[kind]} that is on this machine, found no folder {rest!r}; '
            'download it first (`hf download NAME --local-dir FOLDER`)'
        )
    if kind != 'hf' and not path.is_file():
        raise ConfigError(f'key: expected {FORMS[kind]}, found no file {rest!r}')
    return ForeignSource(kind, path)
