# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What labels are compared with: a topic of the bag, a folder, or the key network on every frame."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import VOID, SemanticClass
from davss_ros.datasets.coding import IdsOrColors
from davss_ros.errors import DataError
from davss_ros.images.labels import LABEL_SUFFIXES, LabelPicture, message_labels, read_label
from davss_ros.images.names import visible_files

Labels = NDArray[np.uint8]
CLOSEST = 1_000_000  # ns between two labels on average; numbers that are closer are no stamps
_STAMPED = re.compile(r'(?:.*?[^\d])?(\d{19})|(?:.*?[^\d])?(\d{1,10})[._-](\d{9})')


@dataclass(frozen=True)
class LabelReader:
    """Gives stored labels the meaning of the model's classes.

    Args:
        classes: of the model.
        stored: what the stored ids or colours mean; their names are looked up among ``classes``, and what is not
            there is void.
    """

    classes: Sequence[SemanticClass]
    stored: Sequence[SemanticClass]

    def __post_init__(self) -> None:
        if not {c.name for c in self.stored} & {c.name for c in self.classes}:
            ours, theirs = (', '.join(c.name for c in group) for group in (self.classes, self.stored))
            raise DataError(f"label classes: expected names of the model's classes ({ours}), found {theirs}")

    def read(self, picture: LabelPicture, size: tuple[int, ...]) -> Labels:
        """Return (H, W) uint8 class ids of the model, 255 for void.

        Raises:
            DataError: another size than the image's, or ids or colours outside the list.
        """
        height, width = picture.pixels.shape[:2]
        if (height, width) != tuple(size):
            raise DataError(f'labels: expected the size of the image, {size[1]}x{size[0]}, found {width}x{height}')
        ids = IdsOrColors(self.stored).decode(picture)
        wrong = np.unique(ids[(ids >= len(self.stored)) & (ids != VOID)])
        if wrong.size:
            raise DataError(f'labels: expected ids 0..{len(self.stored) - 1} or {VOID}, found {wrong[:8].tolist()}')
        names = {c.name: number for number, c in enumerate(self.classes)}
        table: NDArray[np.uint8] = np.full(256, VOID, np.uint8)
        for number, semantic_class in enumerate(self.stored):
            table[number] = names.get(semantic_class.name, VOID)
        return table[ids]


class TopicLabels:
    """Labels of a topic, read one after the other beside the frames.

    Args:
        messages: of the topic, all from the first on; None for one that cannot be read.
        label_of: number of a frame -> number of its label.
        reader: of their meaning.
    """

    AHEAD = 256  # messages that may be read before their turn

    def __init__(self, messages: Iterator[Any], label_of: dict[int, int], reader: LabelReader) -> None:
        self._messages, self._label_of, self._reader = messages, label_of, reader
        self._wanted = frozenset(label_of.values())
        self._ahead: dict[int, Any] = {}
        self._read = 0  # messages so far

    def labels(self, n: int, size: tuple[int, ...]) -> Labels | None:
        """Return the labels of frame ``n``, None if it has none; `DataError` or `FrameError` if they are no good."""
        number = self._label_of.get(n)
        if number is None:
            return None
        while self._read <= number:
            message = next(self._messages, None)  # at the end of a bag that is cut off none come any more
            if message is not None and self._read in self._wanted:
                self._ahead[self._read] = message
            self._read += 1
            if len(self._ahead) > self.AHEAD:
                del self._ahead[next(iter(self._ahead))]
        found = self._ahead.pop(number, None)
        if found is None:
            raise DataError('labels: the message cannot be read')
        return self._reader.read(message_labels(found), size)


@dataclass(frozen=True)
class FolderLabels:
    """Labels of a folder."""

    paths: Sequence[Path]
    label_of: dict[int, int]
    reader: LabelReader

    def labels(self, n: int, size: tuple[int, ...]) -> Labels | None:
        """Return the labels of frame ``n``, None if it has none; `DataError` if they are no good."""
        number = self.label_of.get(n)
        return None if number is None else self.reader.read(read_label(self.paths[number]), size)


def label_files(folder: Path) -> tuple[list[Path], NDArray[np.int64] | None]:
    """Return the label files of a folder, or of its ``labels``, and the stamps that their names tell, ns.

    A name tells a stamp by 19 digits (ns), or by seconds and nine digits: ``1700000000.250000000.png``. If not all do,
    or if they only count (`CLOSEST`), the stamps are None, and files belong to frames in their natural order.

    Raises:
        DataError: there are none.
    """
    folder = folder / 'labels' if (folder / 'labels').is_dir() else folder
    paths = visible_files(folder, LABEL_SUFFIXES)
    if not paths:
        raise DataError(f'{folder}: expected label files ({" ".join(LABEL_SUFFIXES)}), found none')
    found = [_STAMPED.fullmatch(path.stem) for path in paths]
    if not all(found):
        return paths, None
    stamps = [int(m[1]) if m[1] else int(m[2]) * 10**9 + int(m[3]) for m in found if m]
    closest = (max(stamps) - min(stamps)) / max(1, len(stamps) - 1)
    return paths, np.array(stamps, np.int64) if len(stamps) == 1 or closest >= CLOSEST else None
