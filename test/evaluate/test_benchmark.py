# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import load_model
from davss_ros.evaluate import benchmark, peak
from davss_ros.evaluate.benchmark_results import peak_shares, results_of, table
from davss_ros.evaluate.contest import Times
from davss_ros.evaluate.cost import multiply_adds
from davss_ros.evaluate.peak import Peak, least_bytes, measured_peak
from davss_ros.evaluate.published import published_times

CONFIG = SegmenterConfig(device='cpu', precision='float32', engine='torch')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / 'clip').mkdir()
    for number in range(6):
        cv2.imwrite(str(tmp_path / 'clip' / f'{number}.png'), rng.integers(0, 255, (48, 64, 3), np.uint8))
    return tmp_path / 'clip'


def test_one_run_gives_table_plot_and_json(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ['--engines', 'torch,auto', '--rounds', '1', '--key-interval', '3', '--rival', 'camvid_lite']
    options += ['--device', 'cpu', '--out', str(tmp_path / 'out'), '--cameras', '2']
    assert benchmark.main([str(folder), *options]) == 0
    results: dict[str, Any] = json.loads((tmp_path / 'out' / 'benchmark.json').read_text())
    names = ['davss, torch', 'davss, auto', 'per_frame, one view', 'per_frame, two views', 'rival per_frame']
    assert list(results['contenders']) == names and list(results['ratios']) == names[1:]
    first = results['contenders']['davss, torch']
    mean = (first['key']['total']['mean'] + 2 * first['other']['total']['mean']) / 3
    assert first['mean'] == pytest.approx(mean, abs=0.01)
    for name in names[1:]:
        expected = results['contenders'][name]['mean'] / first['mean']
        assert results['ratios'][name] == pytest.approx(expected, rel=0.01)
    assert 'other' not in results['contenders']['per_frame, one view']
    assert results['provenance']['command'].startswith('python -m davss_ros benchmark')
    assert results['engine_ratios'] == {}  # torch is the first
    titles = [text.text for text in ElementTree.parse(tmp_path / 'out' / 'benchmark.svg').iter() if text.text]
    assert set(names) <= set(titles)
    shown = capsys.readouterr().out
    assert all(name in shown for name in names) and 'GMAC/s' in shown and '2 cameras: frames a second' in shown


def test_torch_is_held_against_the_first_contender() -> None:
    ours = Times({'total': [40.0]}, {'correction': [10.0, 12.0, 90.0], 'total': [20.0, 20.0, 20.0]})
    plain = Times({'total': [120.0]}, {'correction': [36.0], 'total': [50.0]})
    times = {'davss, auto': ours, 'davss, torch': plain, 'rival per_frame': Times({'total': [5.0]})}
    frame = np.zeros((96, 128, 3), np.uint8)
    config = replace(CONFIG, key_interval=5)
    found = results_of(times, frame, load_model(CONFIG), config, Peak(1e12, 1e10))
    assert found['engine_ratios'] == {
        'key frame': 3.0,
        'windows': 3.0,
        'other frame': 2.5,
        'mean frame': pytest.approx((120 + 4 * 50) / (40 + 4 * 20), abs=1e-3),
    }
    assert 'torch by the first, times: key frame 3.00, windows 3.00, other frame 2.50, mean frame 2.67' in table(found)


def test_shares_are_work_by_time_by_peak() -> None:
    model = load_model(CONFIG)
    frame = np.zeros((96, 128, 3), np.uint8)
    times = Times(
        key={'prepare': [1.0], 'key': [50.0], 'labels': [2.0], 'total': [53.0]},
        other={'prepare': [1.0], 'flow': [3.0], 'propagation': [4.0], 'distortion': [5.0], 'total': [13.0]},
    )
    shares = peak_shares(times, frame, model, CONFIG, Peak(1e12, 1e10))
    counts = multiply_adds(frame, model, CONFIG)
    assert shares['key'] == pytest.approx(counts['key'] / 1e12 / 0.050, abs=1e-4)
    assert shares['labels'] == pytest.approx((24 * 32 * 4 * 11 + 96 * 128) / 1e10 / 0.002, abs=1e-4)
    assert 'flow' not in shares  # DIS is no network


def test_least_bytes_are_those_of_the_arrays() -> None:
    frame, scores = np.zeros((64, 96, 3), np.uint8), np.zeros((7, 16, 24), np.float32)
    image, flow = np.zeros((3, 16, 24), np.float32), np.zeros((2, 16, 24), np.float32)
    assert least_bytes(64, 96, 7) == {
        'prepare': frame.nbytes + frame.astype(np.float32).nbytes,
        'propagation': 2 * (scores.nbytes + image.nbytes) + flow.nbytes,
        'labels': scores.nbytes + 64 * 96,
    }


def test_the_peak_is_the_best_of_its_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    now, steps = 0.0, iter([0.5, 0.9, 0.25, 0.4, *[1.0] * 100])  # product, copy, product, copy, ...
    inside = False

    def clock() -> float:
        nonlocal now, inside
        if inside:
            now += next(steps)
        inside = not inside
        return now

    monkeypatch.setattr(peak, 'time', SimpleNamespace(perf_counter=clock))
    monkeypatch.setattr(peak, 'COPIED', 1000)
    monkeypatch.setattr(peak, 'SIDE', 10)
    found = measured_peak(torch.device('cpu'), torch.float32)
    assert tuple(found) == pytest.approx((1000 / 0.25, 2 * 1000 / 0.4))


def test_the_published_networks_give_the_same_labels_in_either_order() -> None:
    found = published_times(CONFIG, 2, (64, 128))
    assert found['float32']['agreement'] > 0.999
    assert found['float32']['ratio'] == pytest.approx(found['float32']['plain'] / found['float32']['ours'], rel=0.01)


def test_a_source_that_is_not_there_ends_with_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main([str(tmp_path / 'nosuch')]) == 1
    assert 'nosuch' in capsys.readouterr().err
