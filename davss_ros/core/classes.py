# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Names and colours of the class ids, read from YAML."""

from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as repr_short
from typing import Any

from davss_ros.errors import ConfigError
from davss_ros.yaml_file import read_yaml, user_path

SHIPPED = Path(__file__).parent.parent / 'classes'
VOID = 255  # unlabelled; never a class


@dataclass(frozen=True)
class SemanticClass:
    """One class; its id is its place in the list."""

    name: str
    color: tuple[int, int, int]  # RGB, 0 to 255


def load_classes(source: str) -> tuple[SemanticClass, ...]:
    """Return the classes of a shipped list (``camvid11``, ``cityscapes19``) or of a YAML file of the same form.

    The file is a list of classes, or a mapping with ``classes`` and, see `davss_ros.core.groups`, ``groups``.

    Raises:
        ConfigError: no such list or file, or an entry is not ``{name: text, color: [r, g, b]}``.
    """
    return load_list(source)[0]


def load_list(source: str) -> tuple[tuple[SemanticClass, ...], dict[Any, Any]]:
    """Return the classes of a list as `load_classes` does, and its groups as they stand in the file."""
    path = SHIPPED / f'{source}.yaml'
    if not path.is_file():
        path = user_path(source)
    if not path.is_file():
        shipped = ', '.join(sorted(p.stem for p in SHIPPED.glob('*.yaml')))
        raise ConfigError(f'classes: expected {shipped} or a YAML file, found {source!r}')
    entries = read_yaml(path)
    if not isinstance(entries, dict):
        return parse_classes(entries, str(path)), {}
    classes, groups = entries.get('classes'), entries.get('groups') or {}
    if not isinstance(groups, dict):
        raise ConfigError(f'{path}: groups: expected names and lists of classes, found {groups!r}')
    if isinstance(classes, str) and classes != source:
        return load_classes(classes), groups
    return parse_classes(classes, f'{path}: classes'), groups


def parse_classes(entries: Any, where: str) -> tuple[SemanticClass, ...]:
    """Return the classes of a list of ``{name, color}``; ``where`` starts the message of a `ConfigError`."""
    if not isinstance(entries, list) or not 1 <= len(entries) <= VOID:
        raise ConfigError(f'{where}: expected a list of 1 to {VOID} classes, found {_brief(entries)}')
    classes = []
    for number, entry in enumerate(entries):
        name, color = (entry.get('name'), entry.get('color')) if isinstance(entry, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(color, list) or not is_color(color):
            raise ConfigError(
                f'{where}: class {number}: expected {{name: text, color: [r, g, b]}}, found {repr_short(entry)}'
            )
        classes.append(SemanticClass(name, (color[0], color[1], color[2])))
    return tuple(classes)


def is_color(color: list[Any]) -> bool:
    """Return whether these are red, green and blue, 0 to 255."""
    return len(color) == 3 and all(isinstance(v, int) and 0 <= v <= 255 for v in color)


def _brief(entries: Any) -> str:
    return f'{len(entries)}' if isinstance(entries, list) else type(entries).__name__
