# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The order of file names, and which files of a folder count; the same for every command and every data set."""

import re
from collections.abc import Collection
from pathlib import Path

_DIGITS = re.compile(r'(\d+)')


def natural_order(name: str | Path) -> tuple[list[str | int], str]:
    """Return the key that sorts names as people count: 2 before 10, whatever their zeros; of paths, the whole path."""
    text = str(name)
    parts: list[str | int] = [int(part) if place % 2 else part for place, part in enumerate(_DIGITS.split(text))]
    return parts, text


def visible_files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files of ``folder`` with one of the ``suffixes`` (lower case, any case fits), in natural order.

    Hidden ones are passed over, among them the ``._*`` files that macOS leaves on other disks; links that lead nowhere
    are not: whoever reads them says so.
    """
    found = [path for path in folder.iterdir() if path.suffix.lower() in suffixes and not path.name.startswith('.')]
    return sorted((path for path in found if not path.is_dir()), key=natural_order)
