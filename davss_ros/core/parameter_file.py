# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""ROS parameter files (``--params-file``), read without ROS.

The format is that of rcl_yaml_param_parser: names of nodes, below each ``ros__parameters``, below that names and
values; nested names are joined by dots, ``*`` stands for one part of a node's name and ``**`` for any number.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from davss_ros.errors import ConfigError
from davss_ros.yaml_file import read_yaml, user_path

_KEY = 'ros__parameters'


def read_parameter_file(path: Path | str, node: str = '/davss') -> dict[str, Any]:
    """Return the values for a node by full parameter name; of several for one name, the last in the file.

    Args:
        path: of the file.
        node: name with namespace.

    Raises:
        ConfigError: there is no such file, it is no parameter file, or holds nothing for the node.
    """
    path = user_path(path)
    sections = list(_sections(read_yaml(path), ''))
    if not sections:
        raise ConfigError(f'{path}: expected nodes with {_KEY}, found none')
    values: dict[str, Any] = {}
    names = []
    for name, section in sections:
        if not isinstance(section, dict):
            raise ConfigError(f'{path}: {name}: {_KEY}: expected names and values, found {section!r}')
        names.append(name)
        if _meant(name, node):
            values.update(_flat(section, ''))
    if not any(_meant(name, node) for name in names):
        raise ConfigError(f'{path}: expected parameters of {node}, found those of {", ".join(names)}')
    return values


def _sections(content: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the full name of every node in the file, and what is below its ``ros__parameters``."""
    if not isinstance(content, dict):
        return
    for key, value in content.items():
        if key == _KEY:
            yield name, value
        else:
            yield from _sections(value, f'{name}/{str(key).strip("/")}')


def _meant(name: str, node: str) -> bool:
    parts = re.escape(name).replace(r'/\*\*', '(/[^/]+)*').replace(r'\*', '[^/]+')
    return re.fullmatch(parts, node) is not None


def _flat(section: dict[Any, Any], prefix: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in section.items():
        values |= _flat(value, f'{prefix}{key}.') if isinstance(value, dict) else {f'{prefix}{key}': value}
    return values
