# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Lists of classes in all the forms that networks bring them in."""

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

from davss_ros.core.classes import VOID, SemanticClass, load_classes, parse_classes
from davss_ros.errors import ConfigError


def read_classes(entries: Any) -> tuple[SemanticClass, ...]:
    """Return the classes of a shipped list's name, a YAML file, names, ids with names, or names with colours.

    Colours that are not said are those of `made_up_color`.

    Raises:
        ConfigError: it is none of these.
    """
    if isinstance(entries, str):
        text = entries.strip()
        if not text.startswith(('[', '{')):
            return load_classes(text)
        entries = _literal(text)
    if isinstance(entries, Mapping):
        entries = _in_order(entries)
    if not isinstance(entries, Sequence) or not 1 <= len(entries) <= VOID:
        found = len(entries) if isinstance(entries, Sequence) else type(entries).__name__
        raise ConfigError(f'expected 1 to {VOID} classes, found {found}')
    if all(isinstance(entry, SemanticClass) for entry in entries):
        return tuple(entries)
    if all(isinstance(entry, str) for entry in entries):
        return tuple(SemanticClass(str(name), made_up_color(number)) for number, name in enumerate(entries))
    return parse_classes(list(entries), 'classes')


def made_up_color(number: int) -> tuple[int, int, int]:
    """Return a colour (RGB) for class ``number``: that of PASCAL VOC's colour map, whose black is left out."""
    red = green = blue = 0
    rest = number + 1
    for bit in range(7, -1, -1):
        red, green, blue = red | (rest & 1) << bit, green | (rest >> 1 & 1) << bit, blue | (rest >> 2 & 1) << bit
        rest >>= 3
    return red, green, blue


def _literal(text: str) -> Any:
    """Return what JSON or Python's notation (Ultralytics) says; nothing is executed."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    raise ConfigError(f'expected names in JSON, found {text[:40]!r}')


def _in_order(names: Mapping[Any, Any]) -> list[Any]:
    try:
        by_id = {int(str(number)): name for number, name in names.items()}
    except ValueError:
        raise ConfigError(f'expected ids with names, found {list(names)[:3]}') from None
    if sorted(by_id) != list(range(len(by_id))):
        raise ConfigError(f'expected ids from 0 without gaps, found {sorted(by_id)[:5]}')
    return [by_id[number] for number in range(len(by_id))]
