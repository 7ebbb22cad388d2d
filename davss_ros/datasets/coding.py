"""How the pixels of a label file stand for class ids: the ids themselves, other ids, or colours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import VOID
from davss_ros.errors import DataError

Color = tuple[int, int, int]  # RGB, 0 to 255


class LabelCoding(Protocol):
    """From what a label file holds to class ids."""

    def decode(self, stored: NDArray[Any]) -> NDArray[np.uint8]:
        """Return (H, W) uint8 class ids, 255 for void.

        Args:
            stored: as OpenCV reads the file unchanged: (H, W), or (H, W, 3 or 4) with blue first.

        Raises:
            DataError: another type of image, or a value that stands for nothing; the file is for the caller to name.
        """
        ...


@dataclass(frozen=True)
class ClassIds:
    """The file holds class ids; which of them are classes is for the reader to check."""

    def decode(self, stored: NDArray[Any]) -> NDArray[np.uint8]:
        """See `LabelCoding`."""
        if stored.ndim != 2 or stored.dtype != np.uint8:
            raise DataError(f'expected one uint8 channel, found {stored.dtype} {stored.shape}')
        return stored.astype(np.uint8, copy=False)


@dataclass(frozen=True)
class OtherIds:
    """The file holds the ids of another list."""

    table: Mapping[int, int]  # id in the file -> class id or 255; other ids are errors
    whose: str  # for the message

    def decode(self, stored: NDArray[Any]) -> NDArray[np.uint8]:
        """See `LabelCoding`."""
        ids = ClassIds().decode(stored)
        known = np.zeros(256, bool)
        known[list(self.table)] = True
        wrong = np.flatnonzero((np.bincount(ids.ravel(), minlength=256) > 0) & ~known)
        if wrong.size:
            raise DataError(f'expected {self.whose}, found {wrong[:8].tolist()}')
        mapped: NDArray[np.uint8] = np.full(256, VOID, np.uint8)
        for stored_id, class_id in self.table.items():
            mapped[stored_id] = class_id
        return mapped[ids]


@dataclass(frozen=True)
class Colors:
    """The file shows every class in its colour."""

    table: Mapping[Color, int]  # RGB -> class id or 255; other colours are errors
    whose: str  # for the message

    def decode(self, stored: NDArray[Any]) -> NDArray[np.uint8]:
        """See `LabelCoding`."""
        if stored.ndim != 3 or stored.shape[2] not in (3, 4) or stored.dtype != np.uint8:
            raise DataError(f'expected a uint8 RGB image, found {stored.dtype} {stored.shape}')
        packed = stored[..., 2] * np.int32(1 << 16) + stored[..., 1] * np.int32(1 << 8) + stored[..., 0]
        colors = np.array([(r << 16) + (g << 8) + b for r, g, b in self.table], np.int32)
        order = colors.argsort()
        colors = colors[order]
        at = np.searchsorted(colors, packed).clip(max=len(colors) - 1)
        unknown = np.unique(packed[colors[at] != packed])
        if unknown.size:
            found = [(int(c) >> 16, int(c) >> 8 & 255, int(c) & 255) for c in unknown[:4]]
            raise DataError(f'expected {self.whose}, found {unknown.size} other colours: {found}')
        return np.array(list(self.table.values()), np.uint8)[order][at]
