"""The labelled data of a recipe, of any layout, complete and readable before anything long starts."""

from pathlib import Path

from davss_ros.core.classes import load_classes
from davss_ros.datasets.check import check
from davss_ros.datasets.dataset import Dataset, open_dataset
from davss_ros.datasets.folder import is_folder


def open_labelled(path: Path, classes: str, layout: str, split: str) -> Dataset:
    """Return the data at ``path``, every file of it read once.

    Args:
        path: folder.
        classes: see `load_classes`.
        layout: see `open_dataset`; empty recognises it, and takes ``images/`` and ``labels/`` for unrelated stills.
        split: of those layouts that have several.

    Raises:
        DataError: what is missing, unreadable or of the wrong size, all of it by name.
    """
    known = layout or ('stills' if is_folder(path.expanduser()) else '')
    dataset = open_dataset(path, load_classes(classes), layout=known, split=split)
    check(dataset)
    return dataset
