# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The labelled data of a recipe, of any layout, complete and readable before anything long starts."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from davss_ros.core.classes import SemanticClass, load_classes
from davss_ros.datasets.dataset import Dataset, open_dataset
from davss_ros.datasets.folder import is_folder
from davss_ros.datasets.usable import usable
from davss_ros.images.bit_depth import AUTO
from davss_ros.yaml_file import user_path

log = logging.getLogger(__name__)


def open_labelled(
    path: Path,
    classes: str | Sequence[SemanticClass],
    layout: str,
    split: str,
    *,
    say: Callable[[str], object] = log.warning,
    strict: bool = False,
    bit_depth: int | str = AUTO,
) -> Dataset:
    """Return the data at ``path``, every file of it read once.

    Args:
        path: folder.
        classes: a list, or what `load_classes` takes.
        layout: see `open_dataset`; empty recognises it, and takes ``images/`` and ``labels/`` for unrelated stills.
        split: of those layouts that have several.
        say: takes a line about what is skipped or odd.
        strict: a broken image, or label file, is an error; else it is skipped.
        bit_depth: of 16-bit images.

    Raises:
        DataError: what is missing, turned, coded otherwise or of the wrong size, all of it by name.
    """
    recognised = layout or ('stills' if is_folder(user_path(path)) else '')
    wanted = load_classes(classes) if isinstance(classes, str) else classes
    dataset = open_dataset(path, wanted, layout=recognised, split=split, bit_depth=bit_depth)
    return usable(dataset, say, strict=strict)[0]
