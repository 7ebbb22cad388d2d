# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Groups of classes, such as all that can be driven on: what a robot wants to know may be less than what was learned.

A class list may be a mapping in place of a list; what it names as ``classes`` may be a shipped list::

    classes: camvid11
    groups:
      drivable: [Road, Pavement]
      traffic: {classes: [Car, Bicyclist], color: [0, 0, 142]}

Grouped labels count the groups first, in the order of the file, then every class of no group.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import VOID, SemanticClass, is_color, load_list
from davss_ros.errors import ConfigError

UNCHANGED: NDArray[np.uint8] = np.arange(256, dtype=np.uint8)  # the table of no groups


@dataclass(frozen=True)
class Grouping:
    """What class ids become.

    Attributes:
        classes: names and colours of the new ids.
        table: (256,) uint8, new id by old one; void stays void.
    """

    classes: tuple[SemanticClass, ...]
    table: NDArray[np.uint8]

    def of(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return (H, W) uint8 labels with the new ids; the same array where every class stays as it is."""
        if self.table is UNCHANGED:
            return labels
        return cv2.LUT(labels, self.table).astype(np.uint8, copy=False)


def ungrouped(classes: Sequence[SemanticClass]) -> Grouping:
    """Return the grouping that leaves every class as it is."""
    return Grouping(tuple(classes), UNCHANGED)


def load_grouping(source: str, classes: Sequence[SemanticClass]) -> Grouping:
    """Return the groups of a class list.

    Args:
        source: a shipped list or a file, see `davss_ros.core.classes.load_classes`.
        classes: of the model.

    Raises:
        ConfigError: the list has no groups, or one names a class that is not there or is in another group.
    """
    groups = load_list(source)[1] if source else {}
    if not groups:
        raise ConfigError(
            f'label_groups: expected groups in the class list, {source or "classes is empty"} has none; set classes to '
            'a YAML file with classes: and groups:'
        )
    ids = {c.name: number for number, c in enumerate(classes)}
    table = np.full(256, VOID, np.uint8)
    made: list[SemanticClass] = []
    for name, group in groups.items():
        members, color = _members(source, name, group)
        for member in members:
            where = f'{source}: group {name}: expected classes of the list ({", ".join(ids)})'
            if member not in ids:
                raise ConfigError(f'{where}, found {member!r}')
            if table[ids[member]] != VOID:
                raise ConfigError(f'{where}, each in one group, found {member!r} in two')
            table[ids[member]] = len(made)
        made.append(SemanticClass(str(name), color or classes[ids[members[0]]].color))
    for number, semantic_class in enumerate(classes):
        if table[number] == VOID:
            table[number] = len(made)
            made.append(semantic_class)
    return Grouping(tuple(made), table)


def _members(source: str, name: Any, group: Any) -> tuple[list[str], tuple[int, int, int] | None]:
    members, color = (group.get('classes'), group.get('color')) if isinstance(group, dict) else (group, None)
    if not isinstance(members, list) or not members or not all(isinstance(member, str) for member in members):
        raise ConfigError(f'{source}: group {name}: expected a list of class names, found {members!r}')
    if color is not None and not (isinstance(color, list) and is_color(color)):
        raise ConfigError(f'{source}: group {name}: expected color: [r, g, b], found {color!r}')
    return members, (color[0], color[1], color[2]) if color else None
