# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import itertools
from pathlib import Path

from davss_ros.images.names import natural_order, visible_files


def test_numbers_count_whatever_their_zeros() -> None:
    names = ['a1', 'a2', 'a10', 'a010', 'b1_2', 'b1_10', 'b02_1', '3', '20']
    right = ['3', '20', 'a1', 'a2', 'a010', 'a10', 'b1_2', 'b1_10', 'b02_1']
    for shuffled in itertools.islice(itertools.permutations(names), 0, 362880, 1009):
        assert sorted(shuffled, key=natural_order) == right


def test_hidden_files_folders_and_other_suffixes_do_not_count(tmp_path: Path) -> None:
    for name in ('10.JPG', '9.jpg', '._9.jpg', '.hidden.jpg', 'notes.txt', '1.png'):
        (tmp_path / name).touch()
    (tmp_path / '5.jpg').mkdir()
    assert [path.name for path in visible_files(tmp_path, ('.jpg',))] == ['9.jpg', '10.JPG']
