# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Compressed data of bags; of what is cut off or damaged, as much as came before that."""

import importlib
from pathlib import Path
from typing import Any

from davss_ros.errors import DataError

ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
LARGEST = 2**31  # bytes; a chunk or message that claims more is damaged
_STEP = 2**20
_ZSTD_MODULES = ('compression.zstd', 'backports.zstd')  # Python 3.14, and what rosbags brings


def decompress(kind: str, data: bytes, largest: int = LARGEST) -> tuple[bytes, str]:
    """Return what ``data`` holds, at most ``largest`` bytes, and what is wrong with it ('' if it is whole).

    Args:
        kind: ``zstd``, ``lz4`` or empty, as in mcap files.
        data: whole, or its first part.
        largest: a limit, since a few bytes can claim gigabytes.
    """
    if kind == '':
        return data[:largest], ''
    made = bytearray()
    try:
        stream = _stream(kind)
        for start in range(0, len(data), _STEP):
            if stream.eof:
                break
            made += stream.decompress(data[start : start + _STEP], largest + 1 - len(made))
            if len(made) > largest:
                return bytes(made[:largest]), f'holds more than the {largest} bytes it claims'
    except DataError as error:
        return b'', str(error)
    except Exception as error:  # each library has errors of its own
        return bytes(made), f'{kind} data damaged: {error}'
    return bytes(made), '' if stream.eof else f'{kind} data cut off'


def decompress_file(path: Path, to: Path) -> str:
    """Write what the zstd file ``path`` holds to ``to``; return what is wrong with it ('' if it is whole)."""
    stream = _stream('zstd')
    with path.open('rb') as source, to.open('wb') as target:
        while part := source.read(_STEP):
            try:
                while part:
                    if stream.eof:  # several frames, one after the other
                        stream = _stream('zstd')
                    target.write(stream.decompress(part))
                    part = stream.unused_data if stream.eof else b''
            except OSError:
                raise
            except Exception as error:
                return f'zstd data damaged: {error}'
    return '' if stream.eof else 'zstd data cut off'


def _stream(kind: str) -> Any:
    """Return an object with ``decompress``, ``eof`` and ``unused_data``."""
    if kind == 'lz4':
        try:
            from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped]  # has no annotations
        except ImportError as error:
            raise DataError('lz4 data needs the package lz4') from error
        return LZ4FrameDecompressor()
    if kind != 'zstd':
        raise DataError(f'expected compression zstd or lz4, found {kind!r}')
    for name in _ZSTD_MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        return module.ZstdDecompressor()
    raise DataError('zstd data needs the package backports.zstd')
