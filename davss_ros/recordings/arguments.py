# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The arguments of commands that read a recording, alike in all of them."""

import argparse
import math
from pathlib import Path
from tempfile import NamedTemporaryFile

from davss_ros.errors import DataError
from davss_ros.recordings.open import HIGHEST_RATE


def add_topic(parser: argparse.ArgumentParser) -> None:
    """Add ``--topic``."""
    parser.add_argument('--topic', default='', help='image topic of a bag; needed where it has several cameras')


def add_strict(parser: argparse.ArgumentParser) -> None:
    """Add ``--strict``."""
    parser.add_argument('--strict', action='store_true', help='end at the first frame that cannot be read')


def rate(text: str) -> float:
    """Return Hz, 0 for that of the recording; `argparse.ArgumentTypeError` otherwise."""
    value = _number(text)
    if not 0 <= value <= HIGHEST_RATE:
        raise argparse.ArgumentTypeError(f'expected 0 to {HIGHEST_RATE:g}, found {text}')
    return value


def not_below_zero(text: str) -> float:
    """Return a number of 0 or more; `argparse.ArgumentTypeError` otherwise."""
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f'expected 0 or more, found {text}')
    return value


def positive(text: str) -> int:
    """Return a whole number of 1 or more; `argparse.ArgumentTypeError` otherwise."""
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f'expected a whole number of at least 1, found {text}')
    return int(text)


def not_negative(text: str) -> int:
    """Return a whole number of 0 or more; `argparse.ArgumentTypeError` otherwise."""
    return 0 if text.isdecimal() and int(text) == 0 else positive(text)


def make_folder(path: Path) -> Path:
    """Make the folder that ``--out`` names, and see that files can be written to it, before any work is done.

    Raises:
        DataError: it cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path, prefix='.davss_'):  # a name of its own, as several processes may try at once
            pass
    except FileExistsError as error:
        raise DataError(f'--out {path}: expected a folder or a new name, found a file') from error
    except OSError as error:
        raise DataError(f'--out {path}: cannot be written to: {error.strerror or error}') from error
    return path


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
