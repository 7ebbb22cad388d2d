# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Which files a rosbag2 consists of, with or without its metadata.yaml, and how each is opened."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from davss_ros.errors import DataError
from davss_ros.images.names import natural_order
from davss_ros.recordings import mcap_records, sqlite
from davss_ros.recordings.compression import ZSTD_MAGIC, decompress_file
from davss_ros.recordings.mcap import open_mcap
from davss_ros.recordings.sqlite import open_sqlite
from davss_ros.recordings.storage import Storage

METADATA = 'metadata.yaml'
SUFFIXES = ('.mcap', '.db3')
_COMPRESSED = '.zstd'
_ROS1_MAGIC, _ROS1_SUFFIX = b'#ROSBAG V', '.bag'


@dataclass(frozen=True)
class BagFiles:
    """What belongs to one bag."""

    files: tuple[Path, ...]  # in order; at least one
    counts: Mapping[str, int] = field(default_factory=dict)  # messages by topic, as the metadata tells
    problems: tuple[str, ...] = ()  # a line each


def is_bag(path: Path) -> bool:
    """Tell whether ``path`` is meant to be a bag: a file by its name or start, a folder by its files."""
    if path.is_dir():
        return bool(_inside(path)) or _is_metadata(path / METADATA)
    if not path.is_file():
        return False
    return _is_storage(path) or path.suffix.lower() == _ROS1_SUFFIX or _start(path).startswith(_MAGICS)


def _is_metadata(path: Path) -> bool:
    """Tell whether a file, if it is there, is rosbag2's, or was once; others call theirs so, too."""
    try:
        return path.is_file() and (b'rosbag2' in path.read_bytes() or not path.stat().st_size)
    except OSError:
        return True  # which is said when it is read


def find_files(path: Path) -> BagFiles:
    """Return the files of the bag at ``path``, a folder or one storage file.

    Raises:
        DataError: there are none, or it is a ROS 1 bag.
    """
    if not path.is_dir():
        if path.suffix.lower() == _ROS1_SUFFIX or _start(path).startswith(_ROS1_MAGIC):
            raise DataError(
                f'{path}: expected a rosbag2, found a ROS 1 bag; '
                f'`rosbags-convert --src {path} --dst {path.with_suffix("")}` makes one of it'
            )
        metadata, _ = _metadata(path.parent)
        alone = len(metadata.files) == 1 and metadata.files[0].name == path.name
        return BagFiles((path,), metadata.counts if alone else {})
    metadata, problem = _metadata(path)
    present, problems = [], [problem] if problem else []
    for file in metadata.files:
        other = file.with_suffix('') if file.suffix == _COMPRESSED else file.with_name(file.name + _COMPRESSED)
        found = next((candidate for candidate in (file, other) if candidate.is_file()), None)
        if found:
            present.append(found)
        else:
            problems.append(f'{file.name} is missing: its messages are lost')
    if not present:
        present = _inside(path)  # as after renaming
        problems = [problem] if problem else []
    if not present:
        missing = ', '.join(file.name for file in metadata.files)
        expected = missing or 'one of ' + ' '.join(SUFFIXES)
        raise DataError(f'{path}: cannot be read as a rosbag2: expected {expected}, found no such file')
    return BagFiles(tuple(present), metadata.counts, tuple(problems))


def inner_recordings(folder: Path) -> list[Path]:
    """Return the bags inside ``folder``, one of which may have been meant."""
    return sorted((path for path in folder.iterdir() if is_bag(path)), key=natural_order)


@contextmanager
def open_storage(path: Path) -> Iterator[Storage]:
    """Open one storage file, whatever its name: its start tells what it is. A compressed one is unpacked beside /tmp.

    Raises:
        DataError: it cannot be read at all.
    """
    try:
        start = _start(path)
        if start.startswith(ZSTD_MAGIC):
            with TemporaryDirectory(prefix='davss_bag_') as folder:
                plain = Path(folder) / path.stem
                wrong = decompress_file(path, plain)
                with _plain(plain, _start(plain), path) as storage:
                    storage.damage += [wrong] if wrong else []
                    beside = path.with_suffix('')
                    storage.remedy = f'zstd -d {path} -o {beside}; {storage.remedy.replace(str(plain), str(beside))}'
                    yield storage
        else:
            with _plain(path, start, path) as storage:
                yield storage
    except OSError as error:
        raise DataError(f'{path}: cannot be read: {error.strerror or error}') from error


def _plain(path: Path, start: bytes, name: Path) -> AbstractContextManager[Storage]:
    if start.startswith(mcap_records.MAGIC):
        return open_mcap(path)
    if start.startswith(sqlite.MAGIC):
        return open_sqlite(path)
    found = f'a file that starts {start[:8].hex()}' if start else 'an empty file'
    raise DataError(
        f'{name}: cannot be read as a rosbag2: expected mcap or sqlite3, found {found}; make_bag makes a bag of a video'
    )


_MAGICS = (mcap_records.MAGIC, sqlite.MAGIC, _ROS1_MAGIC)


def _start(path: Path) -> bytes:
    with path.open('rb') as file:
        return file.read(len(sqlite.MAGIC))


def _is_storage(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    return bool(suffixes) and (suffixes[-1] in SUFFIXES or (suffixes[-1] == _COMPRESSED and suffixes[0] in SUFFIXES))


def _inside(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if _is_storage(path) and not path.name.startswith('.')]
    present = {path.name for path in found}
    twice = {name + _COMPRESSED for name in present} & present  # unpacked beside, as by playing
    return sorted((path for path in found if not path.is_dir() and path.name not in twice), key=natural_order)


def _metadata(folder: Path) -> tuple[BagFiles, str]:
    """Return what the metadata tells, nothing if there are none or they cannot be read, and a problem with them."""
    path = folder / METADATA
    if not path.is_file():
        return BagFiles(()), ''
    try:
        information = _entry(yaml.safe_load(path.read_text(encoding='utf-8')), 'rosbag2_bagfile_information', dict)
    except (OSError, ValueError, yaml.YAMLError, RecursionError, TypeError, AttributeError) as error:
        line = ' '.join(str(error).split())[:120]
        return BagFiles(()), f'{METADATA} cannot be read ({line}); read without it'
    names = [str(name).replace('\\', '/') for name in _entry(information, 'relative_file_paths', list)]
    counts: dict[str, int] = {}
    for topic in _entry(information, 'topics_with_message_count', list):
        name, count = _entry(_entry(topic, 'topic_metadata', dict), 'name', str), _entry(topic, 'message_count', int)
        counts[name] = counts.get(name, 0) + count
    files = tuple(folder / PurePosixPath(name).name for name in names if PurePosixPath(name).name)
    return BagFiles(files, counts), '' if files else f'{METADATA} names no files; read without it'


def _entry(table: Any, key: str, kind: type) -> Any:
    """Return ``table[key]`` if it is a ``kind``, else an empty one."""
    value = table.get(key) if isinstance(table, dict) else None
    return value if isinstance(value, kind) else kind()
