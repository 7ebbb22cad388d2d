# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A wall grows over the ground; the flow sees nothing of it, so what was carried is wrong, and redoing mends it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from davss_ros.core.classes import SemanticClass
from davss_ros.core.model import Model
from davss_ros.datasets.stills import LabelledImage
from davss_ros.errors import ConfigError, DataError
from davss_ros.evaluate.confusion import ConfusionMatrix
from davss_ros.networks.again import KeyAgain
from davss_ros.networks.interface import Propagated
from davss_ros.train.choosing.command import read_settings
from davss_ros.train.choosing.sets import ChoosingSet, moved_stills, video_pieces
from davss_ros.train.choosing.trial import PER_FRAME, Trial, try_settings
from davss_ros.train.choosing.verdict import markdown, verdict
from davss_ros.train.material.clips import Clip

BLOCKS, FIRST, LONGEST = 16, 3, 3
SETTINGS = {'flow': {'mode': 'flow'}, 'hold': {'mode': 'hold'}, 'all': {'correction_gain': 1.0}}


def key(image: Tensor) -> Tensor:
    white = (image[:, :1, 1::4, 1::4] > 0.5).float()
    return 10 * torch.cat([1 - white, white], 1)


@pytest.fixture
def model() -> Model:
    classes = (SemanticClass('ground', (0, 0, 0)), SemanticClass('wall', (9, 9, 9)))
    return Model(
        key,
        lambda image, previous: torch.zeros_like(previous[:, :2, ::4, ::4]),
        lambda propagated, image: torch.ones_like(image[:, :1]),
        lambda image, propagated: key(image),
        classes,
        'step',
        1.0,
        False,
        torch.device('cpu'),
        torch.float32,
        'stub',
    )


def believing_gate(propagated: Propagated, image: Tensor, correction: Tensor, distance: Tensor) -> Tensor:
    return torch.ones_like(image)  # all three maps


def wall(first: int) -> Clip:
    labels = np.zeros((LONGEST + 1, 20, 4 * BLOCKS), np.uint8)
    for t in range(LONGEST + 1):
        labels[t, :, : 4 * (first + t)] = 1
    return Clip([np.stack([255 * ids] * 3, 2) for ids in labels], list(labels))


@pytest.fixture
def clips() -> list[Clip]:
    return [wall(FIRST), wall(FIRST + 4)]


def test_counts_are_those_of_the_wall_where_it_was(model: Model, clips: list[Clip]) -> None:
    trial = try_settings(ChoosingSet('walls', clips, model), SETTINGS)
    for number, clip in enumerate(clips):
        for distance in range(1, LONGEST + 1):
            true = clip.labels[distance]
            for name, labels in (('flow', clip.labels[0]), ('hold', clip.labels[0]), ('all', true), (PER_FRAME, true)):
                expected = ConfusionMatrix(2)
                assert labels is not None and true is not None
                expected.add(labels, true)
                np.testing.assert_array_equal(trial.counts[name][number, distance - 1], expected.counts)


def test_without_the_gate_windows_are_redone_by_the_key_network(model: Model, clips: list[Clip]) -> None:
    wrong = replace(model, window=model.correction, correction=lambda image, propagated: -key(image))
    believing = replace(wrong, gate=believing_gate)
    settings = {'gate': {'correction_share': 0.0}, 'none': {'gate': 'none', 'correction_share': 0.5}}
    trial = try_settings(ChoosingSet('walls', clips, believing), settings)
    assert (trial.miou('gate') < 1).all() and (trial.miou('none') > 99).all()
    with pytest.raises(ConfigError, match="settings: x: gate: expected none, found 'gate_any'"):
        try_settings(ChoosingSet('walls', clips, model), {'x': {'gate': 'gate_any'}})


def test_settings_share_what_the_gate_gives(model: Model, clips: list[Clip]) -> None:
    calls = []

    def gate(*inputs: Any) -> Tensor:
        calls.append(inputs)
        return believing_gate(*inputs)

    gated = replace(model, window=model.correction, gate=gate)
    try_settings(ChoosingSet('walls', clips, gated), {'1': {'correction_gain': 1.0}, '2': {'correction_gain': 2.0}})
    assert len(calls) == len(clips) * LONGEST


def test_with_one_view_the_key_network_is_the_one_that_redoes_windows(model: Model, clips: list[Clip]) -> None:
    settings = {'both': {'mode': 'flow'}, 'one': {'mode': 'flow', 'key_views': 1}}
    blind = replace(model, key=lambda image: key(image * 0), correction=KeyAgain(key))
    trial = try_settings(ChoosingSet('walls', clips, blind), settings)
    walls = [sum(counts[:, :, 1, 1].sum(1)) for counts in (trial.counts['both'], trial.counts['one'])]
    assert walls[0] == 0 and walls[1] == LONGEST * 20 * 4 * (FIRST + FIRST + 4)
    with pytest.raises(ConfigError, match='key_views: expected a model whose key network redoes windows'):
        try_settings(ChoosingSet('walls', clips, model), settings)
    with pytest.raises(ConfigError, match='two: key_views: expected 1, or nothing'):
        try_settings(ChoosingSet('walls', clips, blind), {'two': {'key_views': 2}})


def test_without_labels_the_key_network_is_right(model: Model, clips: list[Clip]) -> None:
    labelled = try_settings(ChoosingSet('walls', clips, model), SETTINGS)
    unlabelled = [Clip(clip.images, [None] * len(clip.images)) for clip in clips]
    found = try_settings(ChoosingSet('videos', unlabelled, model), SETTINGS)
    for name, counts in labelled.counts.items():
        np.testing.assert_array_equal(found.counts[name], counts)


def test_a_gain_is_that_of_the_same_clips(model: Model, clips: list[Clip]) -> None:
    trial = try_settings(ChoosingSet('walls', clips, model), SETTINGS)
    gain, low, high = trial.gain('all', 'flow')
    assert gain == pytest.approx(100 - trial.miou('flow').mean())
    assert 0 < low <= gain <= high
    assert trial.gain('hold', 'flow') == (0, 0, 0)


def test_what_wins_on_one_set_only_is_not_taken() -> None:
    def counts(right: int) -> np.ndarray:
        return np.array([[[[right, 100 - right], [100 - right, right]]]] * 2)

    first = Trial('a', {PER_FRAME: counts(99), 'base': counts(80), 'bold': counts(95), 'safe': counts(84)})
    second = Trial('b', {PER_FRAME: counts(99), 'base': counts(80), 'bold': counts(79), 'safe': counts(81)})
    report = verdict([first, second])
    assert (report['baseline'], report['taken']) == ('base', 'safe')
    assert report['sets']['b']['bold']['gain'] < 0 < report['sets']['a']['bold']['gain']
    assert '| **safe** |' in markdown(report)
    assert verdict([first, Trial('b', {**second.counts, 'safe': counts(80)})])['taken'] == 'base'


def test_sets_of_one_name_count_each(model: Model, clips: list[Clip]) -> None:
    counts = {PER_FRAME: np.full((2, 1, 2, 2), 25), 'base': np.full((2, 1, 2, 2), 25)}
    worse, better = (np.array([[[[right, 50 - right], [50 - right, right]]]] * 2) for right in (20, 30))
    report = verdict([Trial('images', {**counts, 'new': worse}), Trial('images', {**counts, 'new': better})])
    assert [*report['sets']] == ['images', 'images (2)'] and report['taken'] == 'base'


def test_stills_are_set_in_motion_and_videos_cut_to_pieces(tmp_path: Path, model: Model) -> None:
    for kind in ('images', 'labels'):
        (tmp_path / kind).mkdir()
    for t, (image, labels) in enumerate(zip(wall(2).images, wall(2).labels, strict=True)):
        assert labels is not None
        cv2.imwrite(str(tmp_path / 'images' / f'{t}.png'), image)
        cv2.imwrite(str(tmp_path / 'labels' / f'{t}.png'), labels)
    stills = [LabelledImage(tmp_path / 'images' / f'{t}.png', tmp_path / 'labels' / f'{t}.png') for t in range(2)]
    moved = moved_stills('drive', stills, model, 3)
    assert [len(clip.images) for clip in moved.clips] == [4, 4]
    assert all(label is not None for clip in moved.clips for label in clip.labels)
    pieces = video_pieces([tmp_path / 'images'], model, 1)
    assert [len(clip.images) for clip in pieces.clips] == [2, 2]
    np.testing.assert_array_equal(pieces.clips[1].images[0], wall(2).images[2])
    assert len(video_pieces([tmp_path / 'images'], model, 1, most=1).clips) == 1
    for after, first in ((0.5, 2), (0.3, 1)):  # from the first frame that the gate did not see
        (late,) = video_pieces([tmp_path / 'images'], model, 1, after=after).clips
        np.testing.assert_array_equal(late.images[0], wall(2).images[first])
    with pytest.raises(DataError, match='expected at least 2 frames after the first 4, found 0'):
        video_pieces([tmp_path / 'images'], model, 1, after=0.9)
    with pytest.raises(DataError, match='expected at least 10 frames'):
        video_pieces([tmp_path / 'images'], model, 9)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{}', 'expected names and settings'),
        ('per_frame: {}', 'per_frame: is tried beside all settings'),
        ('bold: {gain: 3}', 'settings: bold: expected mode, .*, found gain'),
        ('bold: {correction_gain: 1000}', 'correction_gain: expected 0.0 to 100.0, found 1000'),
        ('bold: 3', 'bold: expected settings like'),
        ('a: [', 'cannot be read as YAML'),
    ],
)
def test_a_wrong_file_of_settings_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / 'settings.yaml').write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_settings(tmp_path / 'settings.yaml')


def test_settings_keep_their_order(tmp_path: Path) -> None:
    (tmp_path / 'settings.yaml').write_text('b:\na: {correction_gain: 4, propagation: composed}')
    settings = read_settings(tmp_path / 'settings.yaml')
    assert list(settings.items()) == [('b', {}), ('a', {'correction_gain': 4.0, 'propagation': 'composed'})]


def test_images_of_one_model_do_not_touch_another_setting(model: Model, clips: list[Clip]) -> None:
    together = try_settings(ChoosingSet('walls', clips, model), {**SETTINGS, 'own': {'propagation': 'renewed'}})
    alone = try_settings(ChoosingSet('walls', clips, model), {'own': {'propagation': 'renewed'}})
    np.testing.assert_array_equal(together.counts['own'], alone.counts['own'])
