# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Runs that are cut off, at any byte, by Ctrl-C, by a full disk or with a worker, and go on."""

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from davss_ros.core.classes import load_classes
from davss_ros.evaluate.bags import part, session
from davss_ros.evaluate.bags.command import main
from davss_ros.evaluate.bags.evaluation import evaluate_bags
from davss_ros.evaluate.bags.job import Job, LabelSource
from davss_ros.evaluate.bags.plan import plan_bag
from davss_ros.evaluate.bags.workers import Workers
from davss_ros.networks.weights import SHIPPED, read_weights, write_weights

from .conftest import FORMS, Drive

SETTINGS = ('-p', 'precision:=float32', '-p', 'device:=cpu', '-p', 'key_interval:=6', '-p', 'engine:=torch')
KEPT = ('n', 'stamp', 'key', 'distance', 'labels', 'counts', 'distortion', 'map')


def rows_of(out: Path) -> list[list[Any]]:
    return [[json.loads(line).get(key) for key in KEPT] for line in (out / 'frames.jsonl').open()]


@pytest.fixture(scope='module')
def bag(drive: Drive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FORMS['mcap'](drive, tmp_path_factory.mktemp('bags') / 'bag')


def arguments(bag: Path, out: Path, *more: str) -> list[str]:
    return [str(bag), '--out', str(out), '--labels', '/truth', '--no-report', *SETTINGS, *more]


@pytest.fixture(scope='module')
def whole(bag: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('whole')
    assert main(arguments(bag, out)) == 0
    return out


@pytest.mark.parametrize('share', [0.0, 0.3, 0.31, 0.77, 0.999])
def test_a_run_that_was_cut_off_at_any_byte_ends_as_one_that_was_not(
    bag: Path, whole: Path, tmp_path: Path, share: float
) -> None:
    data = (whole / 'frames.jsonl').read_bytes()
    (tmp_path / 'run.json').write_bytes((whole / 'run.json').read_bytes())
    (tmp_path / 'frames.jsonl').write_bytes(data[: int(share * len(data))])
    assert main(arguments(bag, tmp_path, '--resume')) == 0
    assert rows_of(tmp_path) == rows_of(whole)
    figures = [json.loads((out / 'results.json').read_text())['all'] for out in (whole, tmp_path)]
    assert figures[0]['miou'] == figures[1]['miou'] and figures[0]['blocks'] == figures[1]['blocks']


def test_what_was_measured_otherwise_is_not_gone_on_with(
    bag: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'run.json').write_bytes((whole / 'run.json').read_bytes())
    assert main(arguments(bag, tmp_path, '--resume', '-p', 'longest_gap:=9')) == 1
    assert 'had other parameters' in capsys.readouterr().err
    assert main(arguments(bag, tmp_path, '--resume', '--every', '2')) == 1
    assert 'had other data' in capsys.readouterr().err


def test_labels_that_changed_since_are_noticed(
    bag: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'run.json').write_bytes((whole / 'run.json').read_bytes())
    lines = (whole / 'frames.jsonl').read_text().splitlines(keepends=True)[:10]
    row = json.loads(lines[8])
    lines[8] = json.dumps(row | {'labels': '0' * 16}) + '\n'
    (tmp_path / 'frames.jsonl').write_text(''.join(lines))
    assert main(arguments(bag, tmp_path, '--resume')) == 1
    assert 'message 8: other labels than in the earlier run' in capsys.readouterr().err


def test_an_earlier_run_is_never_overwritten_unless_told(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'results.json').write_text('precious')
    assert main(arguments(bag, tmp_path)) == 1
    assert 'holds an earlier run (results.json)' in capsys.readouterr().err
    assert (tmp_path / 'results.json').read_text() == 'precious'
    (tmp_path / 'notes.txt').write_text('mine')
    assert main(arguments(bag, tmp_path, '--overwrite', '--duration', '0.2')) == 0
    assert (tmp_path / 'notes.txt').read_text() == 'mine'


def test_a_full_disk_is_one_line_and_the_run_goes_on_later(
    bag: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, before[1]))
    try:
        assert main(arguments(bag, tmp_path)) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = capsys.readouterr().err
    line = said.splitlines()[-1]
    assert 'frames.jsonl: ' in line and line.endswith('; what is finished stays, --resume goes on')
    assert 'Traceback' not in said
    assert main(arguments(bag, tmp_path, '--resume')) == 0
    assert rows_of(tmp_path) == rows_of(whole)


def test_parts_of_a_run_that_was_parted_otherwise_are_not_taken(
    bag: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, 'remove_parts', lambda out: None)
    assert main(arguments(bag, tmp_path, '--workers', '2', '--part', '12')) == 0
    (tmp_path / 'frames.jsonl').unlink()
    first, *others = sorted((tmp_path / 'parts').iterdir())
    assert first.read_text() and others
    for path in others:
        path.unlink()
    assert main(arguments(bag, tmp_path, '--resume', '--workers', '2', '--part', '7')) == 0
    assert rows_of(tmp_path) == rows_of(whole)


def test_other_weights_of_the_same_name_are_not_gone_on_with(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / 'own.safetensors'
    command = arguments(bag, tmp_path / 'out', '-p', f'weights:={weights}', '--duration', '0.2')
    weights.write_bytes((SHIPPED / 'camvid_light.safetensors').read_bytes())
    assert main(command) == 0
    networks = read_weights(str(weights))
    write_weights(weights, networks, torch.float32)
    part._loaded.cache_clear()  # as in another process
    assert main([*command, '--resume']) == 1
    assert 'the earlier run had other weights; --overwrite' in capsys.readouterr().err


def test_ctrl_c_leaves_what_is_finished_marked_partial(bag: Path, whole: Path, tmp_path: Path) -> None:
    command = [sys.executable, '-m', 'davss_ros', 'evaluate_bag', *arguments(bag, tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 120
        rows = tmp_path / 'frames.jsonl'
        while not (rows.is_file() and rows.read_bytes().count(b'\n') >= 2):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and 'Traceback' not in said and '--resume' in said
    results = json.loads((tmp_path / 'results.json').read_text())
    assert results['partial'] and 2 <= results['all']['frames'] < 32
    assert main(arguments(bag, tmp_path, '--resume')) == 0
    assert rows_of(tmp_path) == rows_of(whole)
    assert not json.loads((tmp_path / 'results.json').read_text())['partial']


def test_a_worker_that_is_killed_loses_nothing(bag: Path, whole: Path, tmp_path: Path) -> None:
    values = {
        'precision': 'float32',
        'device': 'cpu',
        'key_interval': 6,
        'engine': 'torch',
        'key_frame_policy': 'fixed',
    }
    threads = json.loads((whole / 'run.json').read_text())['threads']
    labels = {'': LabelSource(topic='/truth')}
    job = Job(values, {bag: ('/camera/image_raw',)}, tmp_path, labels=labels, threads=threads)
    plans = {bag: plan_bag(bag, job, load_classes('camvid11'))}
    killed: list[int] = []

    def progress(count: int) -> None:
        children = multiprocessing.active_children()
        if not killed and children and count:
            killed.append(children[0].pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    outcome = evaluate_bags(job, plans, progress, Workers(2), {bag: 3})
    assert killed and not outcome.failed
    assert rows_of(tmp_path) == rows_of(whole)


def test_key_frames_that_come_when_needed_are_counted_once(bag: Path, tmp_path: Path) -> None:
    adaptive = ('-p', 'key_frame_policy:=adaptive', '-p', 'key_frame_distortion:=0.02')
    assert main(arguments(bag, tmp_path / 'whole', *adaptive)) == 0
    rows = (tmp_path / 'whole' / 'frames.jsonl').read_text().splitlines(keepends=True)
    assert sum(bool(json.loads(row).get('key')) for row in rows) > 2
    cut = tmp_path / 'cut'
    cut.mkdir()
    (cut / 'run.json').write_bytes((tmp_path / 'whole' / 'run.json').read_bytes())
    (cut / 'frames.jsonl').write_text(''.join(rows[: len(rows) * 4 // 5]))
    assert main(arguments(bag, cut, '--resume', *adaptive)) == 0
    assert rows_of(cut) == rows_of(tmp_path / 'whole')


def test_what_labels_mean_is_part_of_what_was_measured(
    bag: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = [{'name': c.name, 'color': list(c.color)} for c in reversed(load_classes('camvid11'))]
    (tmp_path / 'others.yaml').write_text(json.dumps(classes))
    for number, other in enumerate((['--label-classes', str(tmp_path / 'others.yaml')], ['--tolerance', '0.2'])):
        out = tmp_path / str(number)
        out.mkdir()
        (out / 'run.json').write_bytes((whole / 'run.json').read_bytes())
        assert main(arguments(bag, out, '--resume', *other)) == 1
        assert 'had other data' in capsys.readouterr().err
