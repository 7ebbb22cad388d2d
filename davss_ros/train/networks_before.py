# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What can be said of a recipe's networks before they are trained: that they exist, fit, and come one after another."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from davss_ros.core.propagation import PROPAGATIONS
from davss_ros.errors import ConfigError, DavssError
from davss_ros.networks.registry import KEY_AGAIN, ROLES, build, depends_on_classes
from davss_ros.networks.weights import read_weights
from davss_ros.train.parts.key import START, KeyTraining, teachers
from davss_ros.train.recipe import Recipe
from davss_ros.train.runs.checkpoint import load

OTHERS = ('flow', 'distortion', 'correction_coarse', 'correction', 'gate')  # sections beside key and light networks


def network_problems(recipe: Recipe, classes: int) -> list[str]:
    """Return a line for each thing that would be found out only when a part comes to it."""
    problems = [*_in_turn(recipe, classes), *_export_problems(recipe, classes)]
    for name, part in _parts(recipe):
        role = _role(name)
        problems += _tried(f'{name}: network', lambda role=role, part=part: build(role, part.network, classes))
        if not isinstance(part, KeyTraining):
            problems += _start_problems(recipe, name, part, ['correction_coarse'] if name == 'correction' else [])
    return list(dict.fromkeys(problems))


def _parts(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    """Yield the sections that are networks, and their settings."""
    for part in _key_like(recipe):
        yield part.out.name, part
    for name in OTHERS:
        part = getattr(recipe, name)
        if part is not None and not isinstance(part, KeyTraining):
            yield name, part


def _key_like(recipe: Recipe) -> list[KeyTraining]:
    return [*recipe.key_before, recipe.key, *recipe.light_before, *filter(None, [recipe.light])]


def _role(name: str) -> str:
    return name.removesuffix('_coarse') if name in OTHERS else 'key'


def _in_turn(recipe: Recipe, classes: int) -> list[str]:
    """Look for what key and light networks start from and follow: networks trained before them, or models."""
    problems: list[str] = []
    trained: list[str] = []
    for part in _key_like(recipe):
        name = part.out.name
        problems += _start_problems(recipe, name, part, trained)
        for teacher in teachers(part):
            if teacher not in (START, *trained):
                found = _tried('', lambda teacher=teacher: _check_classes(teacher, classes))
                expected = ', '.join([START, *trained])
                problems += [f'{name}: teacher: expected one of {expected} or a model{line}' for line in found]
        if any(not 0 <= rare < classes for rare in part.rare or ()):
            problems.append(f'{name}: rare: expected ids of {classes} classes, found {list(part.rare or ())}')
        trained.append(name)
    return problems


def _start_problems(recipe: Recipe, name: str, part: Any, trained: list[str]) -> list[str]:
    start: Path | None = getattr(part, 'start', None)
    if start is None:
        return []
    if recipe.out in start.parents and start.name == 'checkpoint.pt':
        section = start.parent.name
        if section in trained:
            return []
        return [f'{name}: start: expected a section before it ({", ".join(trained) or "none"}), found {section}']
    if start.suffix != '.pt':
        return _tried(f'{name}: start', lambda: read_weights(str(start)))
    if not start.is_file():
        return [f'{name}: start: {start}: no such checkpoint']
    return _tried(f'{name}: start', lambda: load(start))


def _export_problems(recipe: Recipe, classes: int) -> list[str]:
    export = recipe.export
    problems = []
    if export.propagation not in PROPAGATIONS:
        problems.append(f'export: propagation: expected {", ".join(PROPAGATIONS)}, found {export.propagation!r}')
    if unknown := [role for role in (*export.networks, *export.borrow) if role not in (*ROLES, 'gate')]:
        problems.append(f'export: expected roles of {", ".join((*ROLES, "gate"))}, found {", ".join(unknown)}')
    for role, model in export.borrow.items():
        part = getattr(recipe, role, None)
        network = part.network if part is not None else KEY_AGAIN
        depends = role in ROLES and network != KEY_AGAIN and depends_on_classes(*_as_registered(role, part))
        wanted = classes if depends else 0
        problems += _tried(f'export: borrow: {role}', lambda model=model, wanted=wanted: _check_classes(model, wanted))
    return problems


def _as_registered(role: str, part: Any) -> tuple[str, str]:
    return ('key' if isinstance(part, KeyTraining) else role), part.network


def _check_classes(model: str, classes: int) -> None:
    found = read_weights(model).class_count
    if classes and found != classes:
        raise ConfigError(f'{model}: expected {classes} classes, found {found}')


def _tried(where: str, look: Any) -> list[str]:
    try:
        look()
    except DavssError as error:
        return [f'{where}: {error}']
    return []
