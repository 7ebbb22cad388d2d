# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from davss_ros.core.classes import SemanticClass
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.evaluate import command, measure
from davss_ros.evaluate.table import table
from davss_ros.networks.interface import Propagated

COUNT, ROWS = 6, 20


def key(image: Tensor) -> Tensor:  # black: ground, white: wall; never sky
    white = (image[:, :1, 1::4, 1::4] > 0.5).float()
    return 10 * torch.cat([1 - white, white, -torch.ones_like(white)], 1)


def flow(image: Tensor, previous: Tensor) -> Tensor:
    return torch.zeros_like(image[:, :2, ::4, ::4])


def distortion(propagated: Propagated, image: Tensor) -> Tensor:
    return torch.ones_like(image[:, :1])


def correction(image: Tensor, propagated: Propagated) -> Tensor:
    return key(image)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    classes = tuple(SemanticClass(name, (0, 0, 0)) for name in ('ground', 'wall', 'sky'))
    cpu = torch.device('cpu')
    model = Model(key, flow, distortion, correction, classes, 'step', 1.0, False, cpu, torch.float32, 'stub')
    monkeypatch.setattr(measure, 'load_model', lambda config: replace(model, name=config.weights))
    monkeypatch.setattr(command, 'keep_freed_memory', lambda: True)
    for part in ('images', 'labels'):
        (tmp_path / 'data' / part).mkdir(parents=True)
    for t in range(COUNT):  # all wall, all ground, all wall, ...
        labels = np.full((ROWS, 16), t % 2, np.uint8)
        cv2.imwrite(str(tmp_path / 'data' / 'images' / f'{t}.png'), 255 * labels)
        cv2.imwrite(str(tmp_path / 'data' / 'labels' / f'{t}.png'), labels)
    return tmp_path / 'data'


@pytest.mark.parametrize(
    ('text', 'distances'),
    [
        ('1-9', [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ('1,5,9', [1, 5, 9]),
        ('7', [7]),
        ('9,1-3,2', [1, 2, 3, 9]),
        ('4-4', [4]),
        ('1000', [1000]),
    ],
)
def test_distances_are_read(text: str, distances: list[int]) -> None:
    assert command.parse_distances(text) == distances


@pytest.mark.parametrize(
    'text', ['', ',', '0', '0-3', '5-1', '-1', '1-', '1-3-5', 'a', '1.5', '1,,2', '1001', '1-99999', '²', '1 2']
)
def test_other_distances_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r'expected distances like 1-9'):
        command.parse_distances(text)


def test_results_of_a_folder(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / 'new' / 'out'
    assert command.main([str(folder), '--distances', '1-2', '--modes', 'hold', 'davss', '--out', str(out)]) == 0
    results = json.loads((out / 'results.json').read_text())
    assert (results['data'], results['frames'], results['model']) == ('data', COUNT, 'camvid_lite')
    assert (results['distances'], results['intervals'], results['counted']) == ([1, 2], [], COUNT - 2)
    modes = results['modes']
    assert modes['hold']['miou'] == {'1': 0, '2': 100, 'mean': 50}  # the scene alternates
    assert modes['hold']['iou']['1'] == {'ground': 0, 'wall': 0, 'sky': None}
    assert modes['hold']['iou']['2'] == {'ground': 100, 'wall': 100, 'sky': None}
    assert modes['davss']['miou'] == {'1': 100, '2': 100, 'mean': 100}
    assert modes['per_frame']['miou'] == {'0': 100, 'mean': 100}
    assert 'hold' in (out / 'report.html').read_text() and 'hold' in (out / 'curves.svg').read_text()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ['per_frame:', 'mIoU', '100.00', '(100.0', 'to', '100.0', 'in', '95', '%)']
    assert lines[1:3] == [['ground', '100.0'], ['wall', '100.0']]
    assert lines[3:7] == [
        ['mIoU', 'at', 'distance', '1', '2', 'mean', 'mean,', '95', '%'],
        ['hold', '0.0', '100.0', '50.0', '50.0', 'to', '50.0'],
        ['davss', '100.0', '100.0', '100.0', '100.0', 'to', '100.0'],
        ['distortion', 'AUC', '-', '-', '-'],  # nothing is wrong
    ]
    assert lines[7][:2] == ['streaming', 'mIoU'] and lines[9][0] == 'davss' and len(lines) == 11
    assert list(results['streaming']) == ['per_frame', 'davss', 'davss, background']
    assert all(figures['age'] > 0 and 0 < figures['served'] <= 1 for figures in results['streaming'].values())
    assert '<h2>Streaming accuracy</h2>' in (out / 'report.html').read_text()


def test_an_interval_and_another_model(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [
        '--distances',
        '1',
        '--intervals',
        '2',
        '--no-streaming',
        '--compare',
        f'other={tmp_path}/a=b.safetensors,camvid_lite',
    ]
    (tmp_path / 'a=b.safetensors').write_bytes(b'weights')
    assert command.main([str(folder), *options, '--out', str(tmp_path)]) == 0
    results = json.loads((tmp_path / 'results.json').read_text())
    held = results['modes']['hold']['interval']['2']
    # key frames are right, held labels wrong: of 2 x 5 frames ground meets 2 of 7, wall 3 of 8
    assert held['miou'] == pytest.approx(100 * (2 / 7 + 3 / 8) / 2, abs=0.001)
    other = results['models']['other']
    assert 'streaming' not in results
    assert other['model'] == f'{tmp_path}/a=b.safetensors,camvid_lite'
    assert other['modes'].keys() == {'per_frame', 'flow', 'davss'}
    assert other['provenance']['weights'].keys() == {'a=b.safetensors', 'camvid_lite.safetensors'}
    assert any(line.startswith('other/davss  ') for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize('text', ['', 'x', '=x', 'x='])
def test_other_comparisons_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match='expected NAME=WEIGHTS'):
        command.parse_comparison(text)


def test_wrong_files_end_with_their_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(folder / 'labels' / '1.png'), np.zeros((ROWS, 17), np.uint8))
    cv2.imwrite(str(folder / 'labels' / '3.png'), np.full((ROWS, 16), 7, np.uint8))
    assert command.main([str(folder), '--distances', '1']) == 1
    shown = capsys.readouterr().err
    assert 'labels/1.png: 17x20, but its image 1.png is 16x20' in shown
    assert 'labels/3.png: expected ids 0..2 or 255 (void), found [7]' in shown


@pytest.mark.parametrize('kept', [1, 4, COUNT])
def test_stills_are_all_measured_however_few(folder: Path, tmp_path: Path, kept: int) -> None:
    for t in range(kept, COUNT):
        for part in ('images', 'labels'):
            (folder / part / f'{t}.png').unlink()
    cv2.imwrite(str(folder / 'labels' / '0.png'), np.ones((ROWS, 16), np.uint8))  # wrongly called wall
    assert command.main([str(folder), '--stills', '--out', str(tmp_path)]) == 0
    results = json.loads((tmp_path / 'results.json').read_text())
    grounds, walls = (kept + 1) // 2, kept // 2
    iou = {'ground': 100 * (grounds - 1) / grounds, 'wall': 100 * walls / (walls + 1), 'sky': None}
    assert results['modes'].keys() == {'per_frame'}
    assert results['modes']['per_frame']['iou']['0'] == pytest.approx(iou, abs=0.006)


def test_table_is_aligned_and_leaves_unseen_classes_out() -> None:
    single = {'miou': {'0': 87.652, 'mean': 87.652}, 'iou': {'0': {'road': 99.5, 'car': 75.81, 'sky': None}}}
    held = {'miou': {'1': 80.04, '10': 9.96, 'mean': 45.0}, 'iou': {}}
    text = table({'distances': [1, 10], 'modes': {'per_frame': single, 'hold': held}})
    lines = text.splitlines()
    assert lines[0] == 'per_frame: mIoU 87.65'
    assert [line.split() for line in lines[1:3]] == [['road', '99.5'], ['car', '75.8']]
    assert lines[4].split() == ['hold', '80.0', '10.0', '45.0']
    assert len(lines[3]) == len(lines[4])


@pytest.mark.parametrize('options', [[], ['--stills']])
def test_bad_folder_ends_with_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    assert command.main([str(tmp_path / 'nosuch'), *options]) == 1
    shown = capsys.readouterr()
    assert 'nosuch: no such folder' in shown.err and not shown.out


def test_bad_settings_end_with_their_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(folder), '--working-height', '-5']) == 1
    assert 'working_height: expected 0 to 4320, found -5' in capsys.readouterr().err


def test_too_short_a_video_ends_with_its_length(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(folder), '--distances', '6']) == 1
    assert (
        f'with 6 frames before them, as the longest distance needs; found none in 1 video of up to {COUNT}'
        in capsys.readouterr().err
    )


@pytest.mark.parametrize('options', [['--distances', '0'], ['--modes', 'nosuch']])
def test_wrong_options_are_usage_errors(folder: Path, options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main([str(folder), *options])
    assert ended.value.code == 2


def test_worse_pictures(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / 'out'
    arguments = [str(folder), '--distances', '1-2', '--corrupt', '--no-streaming', '--out', str(out)]
    assert command.main([*arguments, '--compare', 'other=camvid_lite']) == 0
    results = json.loads((out / 'results.json').read_text())
    for model in (results, results['models']['other']):
        assert model['corruption']['distance'] == 2
        assert model['corruption']['clean']['davss'] == model['modes']['davss']['miou']['2']
    printed = capsys.readouterr().out
    assert 'other/per_frame: mIoU' in printed
    assert 'per_frame, mild' in printed and 'davss at 2, severe' in printed and 'motion blur' in printed
    assert 'on worse pictures' in (out / 'report.html').read_text()


def test_a_model_compared_with_has_networks_and_settings_of_its_own() -> None:
    told = SegmenterConfig(key='deeplab_lite0', gate='none', correction='key', correction_interval=3, key_interval=7)
    assert measure._as_told(told) == SegmenterConfig(key_interval=7)
