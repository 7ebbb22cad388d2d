# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Compiled networks on disk, so that a node that starts again need not compile them again.

Nothing depends on it: what cannot be read is made anew, what cannot be written is left, each with one line in the log.
"""

import hashlib
import inspect
import logging
import os
import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from torch import nn

from davss_ros import networks
from davss_ros.engines.engine import Source
from davss_ros.networks.foreign.source import weights_beside

_PLAIN = (bool, int, float, str, tuple, list, Path, torch.dtype, type(None))

log = logging.getLogger(__name__)


def default_folder() -> Path:
    """Return the folder of this package in the user's cache (XDG base directory specification)."""
    base = os.environ.get('XDG_CACHE_HOME', '')
    return (Path(base) if Path(base).is_absolute() else Path.home() / '.cache') / 'davss_ros'


class Cache:
    """Files by fingerprint, each with a checksum of what it holds.

    Args:
        folder: made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writable = True

    def read(self, key: str, load: Callable[[bytes], Any]) -> Any:
        """Return what ``load`` makes of the content of ``key``; None if there is none, or none that can be used."""
        path = self._folder / key
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            log.warning('%s: cannot be read (%s); made anew', path, error.strerror)
            return None
        digest, content = content[:32], content[32:]
        try:
            if digest != hashlib.sha256(content).digest():
                raise ValueError('damaged')
            return load(content)
        except Exception as error:  # of a library, about a content that it once wrote
            log.warning('%s: cannot be used (%s); made anew', path, str(error).partition('\n')[0])
            return None

    def write(self, key: str, make: Callable[[], bytes]) -> None:
        """Keep what ``make`` returns."""
        if not self._writable:
            return
        partial = self._folder / f'{key}.{uuid4().hex}'  # threads and containers may write at once
        try:
            content = make()
            self._folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(hashlib.sha256(content).digest() + content)
            partial.replace(self._folder / key)
        except Exception as error:
            self._writable = False  # said once
            with suppress(OSError):
                partial.unlink()
            reason = error.strerror if isinstance(error, OSError) else str(error).partition('\n')[0]
            log.warning('%s: cannot be written (%s); networks are compiled at every start', self._folder, reason)


def fingerprint(source: Source, engine: str, sizes: Sequence[Any]) -> str:
    """Return a file name for ``source`` compiled by ``engine`` (with its version) for these input sizes on this CPU.

    Of a module the weights count, how it is built, and the code of this package's networks and of its own.
    """
    digest = hashlib.sha256()
    for part in (engine, torch.__version__, cpu(), sizes):
        digest.update(repr(part).encode())
    if isinstance(source, Path):
        for path in (source, *weights_beside(source)):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:32]
    for name, module in source.named_modules():  # what repr shows, and what the code goes by beside it
        plain = {key: value for key, value in vars(module).items() if isinstance(value, _PLAIN)}
        digest.update(repr((name, type(module).__qualname__, module.extra_repr(), sorted(plain.items()))).encode())
    for path in sorted({*_folder_of(networks).glob('*.py'), *_files(source)}):
        digest.update(path.read_bytes())
    for name, value in source.state_dict().items():
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def cpu() -> str:
    """Return what this CPU is and what it can do."""
    try:
        lines = Path('/proc/cpuinfo').read_text().split('\n\n', 1)[0].splitlines()
    except OSError:  # not Linux
        return platform.processor()
    named = ('model name', 'flags', 'features', 'cpu implementer', 'cpu part')
    return '\n'.join(line for line in lines if line.lower().startswith(named))


def _folder_of(package: Any) -> Path:
    return Path(package.__file__).parent


def _files(network: nn.Module) -> set[Path]:
    """Return the source files of the classes of ``network``, but torch's."""
    kinds = {type(module) for module in network.modules() if not type(module).__module__.startswith('torch.')}
    files = set()
    for kind in kinds:
        try:
            files.add(Path(inspect.getfile(kind)))
        except (TypeError, OSError):  # built in, or made at run time
            continue
    return files
