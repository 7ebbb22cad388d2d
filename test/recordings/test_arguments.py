# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from davss_ros.errors import DataError
from davss_ros.recordings.arguments import make_folder, not_below_zero, not_negative, positive, rate


@pytest.mark.parametrize(
    ('kind', 'good', 'bad'),
    [
        (rate, {'0': 0.0, '12.5': 12.5, '1000': 1000.0}, ['-5', 'nan', 'inf', '1001', 'fast', '']),
        (not_below_zero, {'0': 0.0, '1e3': 1000.0}, ['-1', 'nan', 'inf', 'x']),
        (positive, {'1': 1, '007': 7}, ['0', '-3', '1.5', 'x', '']),
        (not_negative, {'0': 0, '3': 3}, ['-3', '1.5', 'x', '']),
    ],
)
def test_numbers_out_of_range_are_refused(kind: Callable[[str], float], good: dict[str, float], bad: list[str]) -> None:
    assert {text: kind(text) for text in good} == good
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError, match=f'expected .*, found {text}'):
            kind(text)


def test_a_folder_for_results_is_made_or_refused_before_any_work(tmp_path: Path) -> None:
    assert make_folder(tmp_path / 'a' / 'b').is_dir()
    assert list((tmp_path / 'a' / 'b').iterdir()) == []
    (tmp_path / 'file').touch()
    with pytest.raises(DataError, match=r'--out .*file: expected a folder or a new name, found a file'):
        make_folder(tmp_path / 'file')
    with pytest.raises(DataError, match=r'--out .*inside: cannot be written to: Not a directory'):
        make_folder(tmp_path / 'file' / 'inside')


def test_several_may_ask_for_one_folder_at_once(tmp_path: Path) -> None:
    """As the processes of a training do."""
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: make_folder(tmp_path / 'out'), range(400))) == {tmp_path / 'out'}
    assert list((tmp_path / 'out').iterdir()) == []
