# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""YAML files that people write, and paths as they write them: whatever is wrong is one line."""

from pathlib import Path
from typing import Any

import yaml

from davss_ros.errors import ConfigError


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds, JSON among it; `ConfigError` if it cannot be read."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(f'{path}: no such file') from error
    except OSError as error:
        raise ConfigError(f'{path}: cannot be read: {error.strerror or error}') from error
    return parse_yaml(content, str(path))


def parse_yaml(text: str | bytes, where: str) -> Any:
    """Return what YAML says; `ConfigError`, which names ``where`` it stands, if it is none."""
    try:
        return yaml.safe_load(text)
    except RecursionError as error:
        raise ConfigError(f'{where}: cannot be read as YAML: nested too deeply') from error
    except Exception as error:  # YAMLError, but also what its constructors throw, as at a date that does not exist
        raise ConfigError(f'{where}: cannot be read as YAML: {" ".join(str(error).split())[:200]}') from error


def user_path(path: Path | str) -> Path:
    """Return ``path`` with ``~`` replaced by a home directory; `ConfigError` if there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigError(f'{path}: no such user') from error
