# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import json
import os
from pathlib import Path

import pytest

from davss_ros.core.classes import SemanticClass, load_classes
from davss_ros.errors import ConfigError


def test_camvid_agrees_with_the_data_sets_own_list(camvid_video: Path) -> None:
    listed = json.loads((camvid_video.parent / 'classes.json').read_text())['classes']
    expected = [SemanticClass(c['name'], tuple(c['rgb'])) for c in sorted(listed, key=lambda c: c['id'])]
    assert list(load_classes('camvid11')) == expected


def test_cityscapes_has_the_nineteen_train_ids() -> None:
    names = [c.name for c in load_classes('cityscapes19')]
    assert len(names) == 19
    assert (names[0], names[8], names[10], names[13], names[18]) == ('road', 'vegetation', 'sky', 'car', 'bicycle')


def test_own_file(tmp_path: Path) -> None:
    path = tmp_path / 'mine.yaml'
    path.write_text('- {name: floor, color: [1, 2, 3]}\n- {name: shelf, color: [4, 5, 6]}\n')
    assert load_classes(os.fspath(path)) == (SemanticClass('floor', (1, 2, 3)), SemanticClass('shelf', (4, 5, 6)))


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('- {name: floor, color: [1, 2]}', 'class 0'),
        ('- {name: floor, color: [1, 2, 256]}', 'class 0'),
        ('- {name: a, color: [0, 0, 0]}\n- {name: 7, color: [0, 0, 0]}', 'class 1'),
        ('- {color: [1, 2, 3]}', 'class 0'),
        ('floor', 'list of 1 to 255'),
        ('[]', 'list of 1 to 255'),
        ('- {name: [', 'YAML'),
    ],
)
def test_a_wrong_file_is_named_with_the_entry(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / 'wrong.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as error:
        load_classes(str(path))
    assert 'wrong.yaml' in str(error.value)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r'camvid11, camvid32, cityscapes19.*nuscenes'):
        load_classes('nuscenes')
