# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What the command line asks for, checked before any work."""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from davss_ros.core.classes import load_classes
from davss_ros.core.parameter_file import read_parameter_file
from davss_ros.core.parameters import KNOWN, plain_name, settings_of
from davss_ros.errors import ConfigError, DataError
from davss_ros.evaluate.bags.job import LabelSource
from davss_ros.recordings.bag import image_topics, is_ours
from davss_ros.recordings.messages import Bag
from davss_ros.yaml_file import parse_yaml


@dataclass(frozen=True)
class Variant:
    """Parameters beside the given ones.

    Attributes:
        name: as on the command line.
        changes: by full name.
    """

    name: str
    changes: Mapping[str, Any]

    @property
    def folder(self) -> str:
        """A name for its files."""
        return ''.join(letter if letter.isalnum() or letter in '.=_-,' else '_' for letter in self.name)


def find_bags(patterns: Sequence[str]) -> list[Path]:
    """Return the bags that paths and globs name, each once.

    Raises:
        DataError: a path is not there, or a glob meets nothing.
    """
    bags: list[Path] = []
    for pattern in patterns:
        path = Path(pattern).expanduser()
        found = [path] if path.exists() else [Path(p) for p in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207  # Path.glob takes no absolute ones
        if not found:
            raise DataError(f'{pattern}: no such file or folder')
        bags += [path for path in found if path.resolve() not in {bag.resolve() for bag in bags}]
    return bags


def bag_names(bags: Sequence[Path]) -> dict[Path, str]:
    """Return a name for each bag, by as much of its path as tells it from the others."""
    names = {bag: bag.resolve().name for bag in bags}
    depth = 1
    while len(set(names.values())) < len(bags):
        depth += 1
        names = {bag: '_'.join(part.strip('/') for part in bag.resolve().parts[-depth:]) for bag in bags}
    return names


def parse_values(text: str, *, sign: str = '=') -> dict[str, Any]:
    """Return the parameters of ``key=value,key=value``; values as in YAML.

    Raises:
        ConfigError: no such parameter, or not of that form.
    """
    values: dict[str, Any] = {}
    for part in text.split(','):
        name, found, value = part.partition(sign)
        name = name.strip()
        if not found or not value.strip():
            raise ConfigError(f'expected NAME{sign}VALUE, found {part!r}')
        plain = plain_name(name)
        if not plain:
            nearest = get_close_matches(name, KNOWN, 1)
            hint = f'did you mean {nearest[0]}?' if nearest else f'known: {", ".join(KNOWN)}'
            raise ConfigError(f'{name}: no such parameter; {hint}')
        parsed = parse_yaml(value, name)
        values[name] = float(parsed) if isinstance(KNOWN[plain].default, float) and type(parsed) is int else parsed
    return values


def parameters(file: Path | None, node: str, single: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the parameters of a file with single ones (``NAME:=VALUE``) before them, and lines on what is ignored."""
    values = read_parameter_file(file, node) if file else {}
    remarks = [
        f'{file}: {name}: no parameter of the node; ignored, as by the node'
        for name in values
        if name not in ('cameras', 'use_sim_time') and not plain_name(name) and not name.startswith('qos_overrides')
    ]
    for text in single:
        values |= parse_values(text, sign=':=')
    settings_of(values)
    return values, remarks


def parse_named(text: str) -> tuple[str, str]:
    """Return camera and the rest of ``CAMERA=REST``; '' where no camera is named."""
    name, sign, rest = text.partition('=')
    return (name, rest) if sign else ('', text)


def label_sources(texts: Sequence[str], classes: str, tolerance: float) -> dict[str, LabelSource]:
    """Return where labels are, by camera; a folder is what is one, anything else a topic."""
    listed = load_classes(classes) if classes else None
    sources = {}
    for text in texts:
        camera, place = parse_named(text)
        folder = Path(place).expanduser()
        if folder.is_dir():
            sources[camera] = LabelSource(folder=folder, classes=listed, tolerance=tolerance)
        else:
            sources[camera] = LabelSource(topic=place, classes=listed, tolerance=tolerance)
    return sources


def topics_of(bag: Path, wanted: Sequence[str], sources: Mapping[str, LabelSource]) -> tuple[str, ...]:
    """Return the image topics to evaluate: those asked for, or all that are cameras.

    Labels and what the node itself publishes are none.

    Raises:
        DataError: an image topic is not there, or there is none.
    """
    opened = Bag(bag)
    if wanted:
        present = {topic.name for topic in opened.topics if topic.count}
        missing = [topic for topic in wanted if topic not in present]
        if missing:
            raise DataError(f'{bag}: no messages on {", ".join(missing)}; topics: {", ".join(sorted(present))}')
        return tuple(wanted)
    labels = {source.topic for source in sources.values()}
    for topic in labels - {'', *(topic.name for topic in opened.topics)}:
        names = ', '.join(topic.name for topic in opened.topics)
        raise DataError(f'{bag}: labels: {topic} is neither a topic of the bag nor a folder; topics: {names}')
    cameras = [topic.name for topic in image_topics(opened)]
    found = [c for c in cameras if c not in labels and not is_ours(c)]
    if not found:
        raise DataError(f'{bag}: expected an image topic, found topics: {", ".join(t.name for t in opened.topics)}')
    return tuple(found)
