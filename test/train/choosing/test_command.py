# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The command on tiny data; the model is a stub that sees white walls."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from davss_ros.core.classes import SemanticClass
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.train.choosing import command
from davss_ros.train.choosing.sets import ChoosingSet
from davss_ros.train.choosing.trial import Trial, try_settings


def key(image: Tensor) -> Tensor:
    white = (image[:, :1, 1::4, 1::4] > 0.5).float()
    return 10 * torch.cat([1 - white, white], 1)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    model = Model(
        key,
        lambda image, previous: torch.zeros_like(previous[:, :2, ::4, ::4]),
        lambda propagated, image: torch.ones_like(image[:, :1]),
        lambda image, propagated: key(image),
        (SemanticClass('ground', (0, 0, 0)), SemanticClass('wall', (9, 9, 9))),
        'step',
        1.0,
        False,
        torch.device('cpu'),
        torch.float32,
        'stub',
    )
    monkeypatch.setattr(command, 'load_model', lambda config: model)
    for kind in ('images', 'labels'):
        (tmp_path / kind).mkdir()
    for number, name in enumerate(('a_1', 'a_2', 'b_1', 'b_2', 'b_3', 'b_4')):
        labels = np.zeros((40, 64), np.uint8)
        labels[:, : 12 + 8 * number] = 1
        cv2.imwrite(str(tmp_path / 'images' / f'{name}.png'), 255 * np.stack([labels] * 3, 2))
        cv2.imwrite(str(tmp_path / 'labels' / f'{name}.png'), labels)
    (tmp_path / 'settings.yaml').write_text('flow: {mode: flow}\nredo: {correction_gain: 1}\n')
    return tmp_path


def test_a_setting_that_gains_on_stills_and_videos_is_taken(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ['--settings', str(data / 'settings.yaml'), '--longest', '2', '--out', str(data / 'out')]
    stills = ['--data', str(data), '--drive', 'a', '--drive-weights', 'left out', '--after', '0']
    assert command.main([*options, *stills, '--videos', str(data / 'images')]) == 0
    report = json.loads((data / 'out' / 'choosing.json').read_text())
    assert (report['baseline'], report['taken'], list(report['sets'])) == ('flow', 'redo', ['a', 'images'])
    assert report['sets']['images']['redo']['miou']['1'] == 100
    assert (data / 'out' / 'choosing.md').read_text().startswith('| setting | a: d = 1 / 2')
    assert 'taken: redo' in capsys.readouterr().out


def test_the_model_without_the_drive_is_used_as_the_model_itself(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = command.load_model(SegmenterConfig())
    final = replace(stub, propagation='composed', correction_gain=4.0, correction_share=0.25, correction_interval=2)
    monkeypatch.setattr(command, 'load_model', lambda config: stub if config.weights == 'left out' else final)
    tried: list[Model] = []

    def remembered(chosen_by: ChoosingSet, *others: Any, **more: Any) -> Trial:
        tried.append(chosen_by.model)
        return try_settings(chosen_by, *others, **more)

    monkeypatch.setattr(command, 'try_settings', remembered)
    stills = ['--data', str(data), '--drive', 'a', '--drive-weights', 'left out', '--after', '0']
    options = ['--settings', str(data / 'settings.yaml'), '--longest', '2', '--videos', str(data / 'images')]
    assert command.main([*options, *stills]) == 0
    assert [(m.propagation, m.correction_gain, m.correction_share, m.correction_interval) for m in tried] == [
        ('composed', 4.0, 0.25, 2)
    ] * 2


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ([], 'expected --data with --drive-weights, or --videos'),
        (['--data', 'DATA'], 'expected --data with --drive-weights'),
        (['--data', 'DATA', '--drive', 'c', '--drive-weights', 'x'], "found 'c', none"),
        (
            ['--data', 'DATA', '--drive', 'a', '--drive-weights', 'x', '--after', '1'],
            '--after: expected 0 to less than 1',
        ),
        (['--videos', 'nowhere'], 'nowhere: no such file or folder'),
    ],
)
def test_what_cannot_be_tried_is_told(
    data: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    options = [option.replace('DATA', str(data)) for option in options]
    assert command.main(['--settings', str(data / 'settings.yaml'), *options]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('option', ['--every=0', '--longest=-2', '--pieces=-1', '--seed=-1'])
def test_numbers_that_count_nothing_are_refused(data: Path, option: str) -> None:
    with pytest.raises(SystemExit):
        command.main(['--settings', str(data / 'settings.yaml'), '--videos', str(data / 'images'), option])


def test_labels_that_do_not_fit_are_named(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    label = next((data / 'labels').iterdir())
    cv2.imwrite(str(label), np.zeros((3, 5), np.uint8))
    options = ['--data', str(data), '--drive', 'a', '--drive-weights', 'x']
    assert command.main(['--settings', str(data / 'settings.yaml'), *options]) == 1
    assert str(label) in capsys.readouterr().err
