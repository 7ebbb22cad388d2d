# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import pytest

from davss_ros.core.classes import load_classes
from davss_ros.core.groups import load_grouping, ungrouped
from davss_ros.errors import ConfigError

CLASSES = load_classes('camvid11')
NAMES = [c.name for c in CLASSES]


def written(folder: Path, text: str) -> str:
    path = folder / 'list.yaml'
    path.write_text(text)
    return str(path)


def test_groups_come_first_and_the_classes_of_none_after_them(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        'classes: camvid11\ngroups:\n  ground: [Road, Pavement]\n  alive: {classes: [Pedestrian], color: [1, 2, 3]}',
    )
    assert load_classes(source) == CLASSES
    grouping = load_grouping(source, CLASSES)
    rest = [name for name in NAMES if name not in ('Road', 'Pavement', 'Pedestrian')]
    assert [c.name for c in grouping.classes] == ['ground', 'alive', *rest]
    assert [c.color for c in grouping.classes[:2]] == [
        CLASSES[NAMES.index('Road')].color,
        (1, 2, 3),
    ]
    labels = np.random.default_rng(0).integers(0, 11, (30, 40), np.uint8)
    labels[0] = 255
    new = grouping.of(labels)
    assert (new[0] == 255).all() and new.dtype == np.uint8
    for old in range(11):  # pixel by pixel, by name
        name = {'Road': 'ground', 'Pavement': 'ground', 'Pedestrian': 'alive'}.get(NAMES[old], NAMES[old])
        assert {grouping.classes[i].name for i in new[labels == old]} <= {name}


def test_without_groups_all_stays() -> None:
    labels = np.arange(256, dtype=np.uint8)[None]
    np.testing.assert_array_equal(ungrouped(CLASSES).of(labels), labels)


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('classes: camvid11', 'expected groups in the class list'),
        ('classes: camvid11\ngroups: [Road]', 'groups: expected names and lists of classes'),
        ('classes: camvid11\ngroups: {ground: Road}', "group ground: expected a list of class names, found 'Road'"),
        ('classes: camvid11\ngroups: {ground: [Raod]}', "group ground: expected classes of the list .*, found 'Raod'"),
        ('classes: camvid11\ngroups: {a: [Road], b: [Road]}', "group b: .* each in one group, found 'Road' in two"),
        ('classes: camvid11\ngroups: {a: {classes: [Road], color: red}}', r"color: \[r, g, b\], found 'red'"),
        ('groups: {a: [Road]}', 'classes: expected a list of 1 to 255 classes'),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_grouping(written(tmp_path, text), CLASSES)


def test_groups_without_a_list_say_where_they_belong() -> None:
    with pytest.raises(ConfigError, match='label_groups: expected groups'):
        load_grouping('', CLASSES)
