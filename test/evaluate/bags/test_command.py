# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The whole command on bags of all forms, against the plain loop over `VideoSegmenter.step`."""

import json
from pathlib import Path
from typing import Any

import pytest

from davss_ros.core.config import SegmenterConfig
from davss_ros.evaluate.bags.command import main

from .conftest import FORMS, Drive

NO_CUT = ('-p', 'cut_distortion:=0.6')  # the map of pictures of noise is bright
SETTINGS = ('-p', 'precision:=float32', '-p', 'device:=cpu', '-p', 'key_interval:=6', '-p', 'engine:=torch', *NO_CUT)
KEPT = ('n', 'stamp', 'key', 'distance', 'labels', 'counts', 'distortion', 'map')
CONFIG = SegmenterConfig(precision='float32', device='cpu', key_interval=6, engine='torch', cut_distortion=0.6)


def run(bag: Path, out: Path, *more: str, labels: str = '/truth') -> dict[str, Any]:
    against = ('--labels', labels) if labels else ()
    assert main([str(bag), '--out', str(out), '--no-report', *SETTINGS, *against, *more]) == 0
    return json.loads((out / 'results.json').read_text())


@pytest.fixture(scope='module')
def expected(drive: Drive) -> float:
    return 100 * drive.loop(CONFIG).miou()


@pytest.mark.parametrize('form', list(FORMS))
def test_miou_is_that_of_the_plain_loop_in_every_form_of_a_bag(
    drive: Drive, expected: float, tmp_path: Path, form: str
) -> None:
    results = run(FORMS[form](drive, tmp_path / 'bag'), tmp_path / 'out')
    assert abs(results['all']['miou'] - expected) < 1e-6
    assert (results['all']['frames'], results['all']['counted']) == (32, 32)
    assert results['all']['key_frames'].keys() >= {'first', 'interval', 'gap'}
    assert results['bags']['bag']['labels']['/camera/image_raw']['matched'] == 32


def test_a_part_that_a_cut_before_it_moved_is_done_again(drive: Drive, tmp_path: Path) -> None:
    bag, more = FORMS['mcap'](drive, tmp_path / 'bag'), ('-p', 'key_interval:=7', '-p', 'cut_distortion:=0.25')
    alone = run(bag, tmp_path / 'alone', *more)
    assert alone['all']['key_frames']['cut'] >= 1
    together = run(bag, tmp_path / 'together', *more, '--workers', '2', '--part', '8')
    assert together['repaired_parts'] >= 1
    rows = [[json.loads(line) for line in (tmp_path / name / 'frames.jsonl').open()] for name in ('alone', 'together')]
    assert [[row.get(k) for k in KEPT] for row in rows[0]] == [[row.get(k) for k in KEPT] for row in rows[1]]


@pytest.mark.parametrize('part', ['5', '9'])
def test_workers_on_parts_of_a_bag_give_the_rows_of_one_run(
    drive: Drive, expected: float, tmp_path: Path, part: str
) -> None:
    bag = FORMS['mcap'](drive, tmp_path / 'bag')
    alone = run(
        bag,
        tmp_path / 'alone',
    )
    together = run(
        bag,
        tmp_path / 'together',
        '--workers',
        '2',
        '--part',
        part,
    )
    assert abs(together['all']['miou'] - expected) < 1e-6
    rows = [[json.loads(line) for line in (tmp_path / name / 'frames.jsonl').open()] for name in ('alone', 'together')]
    assert [[row.get(k) for k in KEPT] for row in rows[0]] == [[row.get(k) for k in KEPT] for row in rows[1]]
    for figure in ('miou', 'iou', 'by_distance', 'key_frames', 'distortion_map', 'blocks', 'gaps'):
        assert alone['all'][figure] == together['all'][figure], figure
