# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Folders of labelled images: ``images/<name>`` beside ``labels/<name>``, of any suffix that is read."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from davss_ros.datasets.coding import ClassIds, LabelCoding
from davss_ros.errors import DataError
from davss_ros.images.bit_depth import BitDepth
from davss_ros.images.files import IMAGE_SUFFIXES, declared_file_size, read_image
from davss_ros.images.labels import LABEL_SUFFIXES, LabelPicture, read_label
from davss_ros.images.names import visible_files


@dataclass(frozen=True)
class LabelledImage:
    """One image and its labels, read when asked for."""

    image_path: Path
    label_path: Path
    coding: LabelCoding = field(default_factory=ClassIds)
    depth: BitDepth | None = None  # of 16-bit images

    @property
    def name(self) -> str:
        """File name without suffix."""
        return self.image_path.stem

    def image(self) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 RGB."""
        return read_image(self.image_path, self.depth)

    def size(self) -> tuple[int, int]:
        """Return (height, width), px, as the image declares them; `BrokenFileError` if it does not."""
        return declared_file_size(self.image_path)

    def labels(self, classes: int, void: int = 255) -> NDArray[np.uint8]:
        """Return (H, W) uint8 class ids, ``void`` where there is none.

        Raises:
            DataError: the file is unreadable, not coded as expected, or holds an id that is neither a class nor void.
        """
        return self.decode(read_label(self.label_path), classes, void)

    def decode(self, stored: LabelPicture, classes: int, void: int = 255) -> NDArray[np.uint8]:
        """Return the class ids of what the label file holds; see `labels`."""
        try:
            labels = self.coding.decode(stored)
        except DataError as error:
            raise DataError(f'{self.label_path}: {error}') from error
        wrong = np.unique(labels[(labels >= classes) & (labels != void)])
        if wrong.size:
            raise DataError(
                f'{self.label_path}: expected ids 0..{classes - 1} or {void} (void), found {wrong[:8].tolist()}'
            )
        return labels


def labelled_images(folder: Path) -> list[LabelledImage]:
    """Return the pairs of ``folder``, in natural order of their names.

    Raises:
        DataError: a folder is missing or empty, or files have no partner; every one is named.
    """
    images = files_by_stem(folder / 'images', IMAGE_SUFFIXES)
    labels = files_by_stem(folder / 'labels', LABEL_SUFFIXES)
    missing = [f'{images[name]}: no labels of that name in labels/' for name in images if name not in labels]
    missing += [f'{labels[name]}: no image of that name in images/' for name in labels if name not in images]
    if missing:
        raise DataError('\n'.join(missing))
    return [LabelledImage(images[name], labels[name]) for name in images]


def files_by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return the files of ``folder`` by their names without suffix, in natural order.

    Raises:
        DataError: there is no such folder, or none in it, or two have the same name.
    """
    if not folder.is_dir():
        raise DataError(f'{folder}: expected a folder of {" ".join(suffixes)} files, found none')
    paths = visible_files(folder, suffixes)
    if not paths:
        others = sorted({p.suffix.lower() for p in folder.iterdir() if p.is_file() and p.suffix})
        raise DataError(f'{folder}: expected {" ".join(suffixes)} files, found {" ".join(others[:8]) or "none"}')
    files = {path.stem: path for path in paths}
    twice = [f'{path}: the same name as {files[path.stem].name}' for path in paths if files[path.stem] != path]
    if twice:
        raise DataError('\n'.join(twice))
    return files
