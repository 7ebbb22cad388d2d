# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What people write of a network: a YAML or JSON file beside it, or one that ``key_description`` names."""

from pathlib import Path

from davss_ros.errors import ConfigError
from davss_ros.networks.foreign.settings import Facts
from davss_ros.networks.foreign.source import ForeignSource
from davss_ros.yaml_file import read_yaml

SUFFIXES = ('.yaml', '.yml', '.json')
IN_FOLDER = 'davss'  # stem of the file in a folder


def description_beside(source: ForeignSource) -> Facts | None:
    """Return what the file beside ``source`` says; None if there is none.

    Beside ``net.onnx`` that is ``net.yaml`` or ``net.onnx.yaml``, in a folder ``davss.yaml``; .yml and .json likewise.
    """
    path = source.path
    stems = [path / IN_FOLDER] if path.is_dir() else [path.with_suffix(''), path]
    for stem in stems:
        for suffix in SUFFIXES:
            beside = stem.with_name(stem.name + suffix)
            if beside.is_file():
                return read_description(beside)
    return None


def read_description(path: Path) -> Facts:
    """Return what a YAML or JSON file says.

    Raises:
        ConfigError: it cannot be read, or is not names with values.
    """
    values = read_yaml(path)  # JSON is YAML
    if not isinstance(values, dict):
        raise ConfigError(f'{path}: expected names with values, as `mean: imagenet`, found {type(values).__name__}')
    return Facts(path.name, {str(name): value for name, value in values.items()})
