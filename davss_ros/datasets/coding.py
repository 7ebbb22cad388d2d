# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""How the pixels of a label file stand for class ids: the ids themselves, other ids, or colours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import VOID, SemanticClass
from davss_ros.errors import DataError
from davss_ros.images.labels import LabelPicture

Color = tuple[int, int, int]  # RGB, 0 to 255
BLACK = (0, 0, 0)
_NAMED = 4  # unknown colours in a message


class LabelCoding(Protocol):
    """From what a label file holds to class ids."""

    def decode(self, stored: LabelPicture) -> NDArray[np.uint8]:
        """Return (H, W) uint8 class ids, 255 for void.

        Args:
            stored: the file.

        Raises:
            DataError: another type of image, or a value that stands for nothing; the file is for the caller to name.
        """
        ...


@dataclass(frozen=True)
class ClassIds:
    """The file holds class ids, as grey values or indices; which of them are classes is for the reader to check.

    Attributes:
        offset: id of the first class in the file.
        unlabelled: id in the file that is no class, beside 255.
    """

    offset: int = 0
    unlabelled: int = VOID

    def decode(self, stored: LabelPicture) -> NDArray[np.uint8]:
        """See `LabelCoding`."""
        if not stored.has_numbers:
            raise DataError('expected ids in one channel, found colours')
        wrong = np.unique(stored.pixels[stored.pixels > VOID])
        if wrong.size:
            raise DataError(f'expected ids up to {VOID}, found {wrong[:8].tolist()}')
        ids = stored.pixels.astype(np.uint8, copy=False)
        if self == ClassIds():
            return ids
        void = (ids == self.unlabelled) | (ids == VOID)
        shifted = ids.astype(np.int16) - self.offset
        wrong = np.unique(ids[~void & ((shifted < 0) | (shifted >= VOID))])
        if wrong.size:
            raise DataError(
                f'expected ids from {self.offset}, or {self.unlabelled} for void, found {wrong[:8].tolist()}'
            )
        return np.where(void, VOID, shifted).astype(np.uint8)


@dataclass(frozen=True)
class OtherIds:
    """The file holds the ids of another list."""

    table: Mapping[int, int]  # id in the file -> class id or 255; other ids are errors
    whose: str  # for the message

    def decode(self, stored: LabelPicture) -> NDArray[np.uint8]:
        """See `LabelCoding`."""
        ids = ClassIds().decode(stored)
        coded = np.zeros(256, bool)
        coded[list(self.table)] = True
        wrong = np.flatnonzero((np.bincount(ids.ravel(), minlength=256) > 0) & ~coded)
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

    def decode(self, stored: LabelPicture) -> NDArray[np.uint8]:
        """See `LabelCoding`."""
        rgb = stored.colors()
        if rgb is None:
            raise DataError(f'expected {self.whose}, found grey values')
        red, green, blue = (rgb[..., channel].astype(np.int32) for channel in range(3))
        packed = (red << 16) + (green << 8) + blue
        colors = np.array([(r << 16) + (g << 8) + b for r, g, b in self.table], np.int32)
        order = colors.argsort()
        colors = colors[order]
        at = np.searchsorted(colors, packed).clip(max=len(colors) - 1)
        self._check(packed, colors[at] != packed)
        return np.array(list(self.table.values()), np.uint8)[order][at]

    def _check(self, packed: NDArray[np.int32], unknown: NDArray[np.bool_]) -> None:
        """Name the colours that stand for nothing, the most frequent first."""
        if not unknown.any():
            return
        places = np.flatnonzero(unknown)  # in rows from the top, so the first of each is its first place
        colors, first, counts = np.unique(packed.ravel()[places], return_index=True, return_counts=True)
        found = []
        for number in np.argsort(-counts, kind='stable')[:_NAMED]:
            color, (y, x) = int(colors[number]), divmod(int(places[first[number]]), packed.shape[1])
            name = (color >> 16, color >> 8 & 255, color & 255)
            found.append(f'{name} in {counts[number]} px, first at x={x} y={y}')
        more = f' and {len(colors) - _NAMED} more colours' if len(colors) > _NAMED else ''
        grey = ((colors >> 16 == colors & 255) & (colors >> 8 & 255 == colors & 255)).all()
        hint = '; if these are ids in three equal channels, save them as one' if grey else ''
        raise DataError(f'expected {self.whose}, found {"; ".join(found)}{more}{hint}')


@dataclass(frozen=True)
class IdsOrColors:
    """The file holds class ids or, if it holds colours alone, shows every class in the colour of the class list.

    Black is void, unless a class is black. A palette does not make colours of ids: its indices count.
    """

    classes: Sequence[SemanticClass]
    ids: ClassIds = ClassIds()  # frozen

    def decode(self, stored: LabelPicture) -> NDArray[np.uint8]:
        """See `LabelCoding`."""
        if stored.has_numbers:
            return self.ids.decode(stored)
        table: dict[Color, int] = {}
        for number, (name, color) in enumerate((c.name, c.color) for c in self.classes):
            if color in table:
                first = self.classes[table[color]].name
                raise DataError(f'colours, but {first} and {name} of the class list have the same: {color}')
            table[color] = number
        return Colors({BLACK: VOID, **table}, 'the colours of the class list, or black for void').decode(stored)
