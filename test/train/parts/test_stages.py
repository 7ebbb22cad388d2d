# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.errors import DataError
from davss_ros.networks.interface import Propagated
from davss_ros.train.material.motion import ARRAYS, NOTE, MotionSamples, load_samples, save_samples
from davss_ros.train.parts.stages import StageTraining, train_correction, train_distortion

CLASSES, COUNT, HEIGHT, WIDTH = 3, 8, 32, 48
DISTORTION = StageTraining('dmnet_lite', CLASSES, epochs=4, batch=4, learning_rate=5e-3)
CORRECTION = StageTraining('cfnet_lite', CLASSES, epochs=4, batch=4, learning_rate=5e-3)


@pytest.fixture
def samples() -> MotionSamples:
    """Random blocks of three flat colours; the key network knows them, propagation brought some wrong."""
    rng = np.random.default_rng(0)
    small = np.repeat(np.repeat(rng.integers(0, CLASSES, (COUNT, 2, 3)), 4, 1), 4, 2)  # one of 4x4 scores each
    true = small.astype(np.uint8)
    moved = np.roll(true, 2, 2)
    colors = np.array([[220, 40, 40], [40, 200, 40], [50, 50, 210]])

    def scores(labels: np.ndarray) -> np.ndarray:
        return (6.0 * np.eye(CLASSES)[labels]).transpose(0, 3, 1, 2).astype(np.float16)

    labels = true.repeat(4, 1).repeat(4, 2)
    labels[0], labels[1, :8] = 255, 255  # without labels, and with some missing
    noise = rng.integers(-20, 20, (COUNT, HEIGHT, WIDTH, 3))
    return MotionSamples(
        image=(colors[true].repeat(4, 1).repeat(4, 2) + noise).astype(np.uint8),
        labels=labels,
        scores=scores(moved),
        propagated_image=(colors[moved].transpose(0, 3, 1, 2) / 255).astype(np.float16),
        teacher=scores(true),
        wrong=(moved != true).astype(np.float16),
        distance=np.ones(COUNT, np.int64),
    )


class Everywhere(nn.Module):
    """Distrusts everything, or what changed its colour."""

    def forward(self, propagated: Propagated, image: Tensor) -> Tensor:
        return F.max_pool2d(((propagated.image - image).abs().amax(1, keepdim=True) > 0.2).float(), 3, 1, 1)


Train = Callable[[StageTraining, MotionSamples, Path, Callable[[str], None]], nn.Module]


def distortion(settings: StageTraining, samples: MotionSamples, out: Path, say: Callable[[str], None]) -> nn.Module:
    return train_distortion(settings, samples, out, say)


def correction(settings: StageTraining, samples: MotionSamples, out: Path, say: Callable[[str], None]) -> nn.Module:
    return train_correction(settings, Everywhere(), samples, out, say)


def quiet(text: str) -> None:
    pass


def losses(lines: list[str]) -> list[float]:
    return [float(line.rsplit(' ', 1)[1]) for line in lines]


def equal(first: nn.Module, other: nn.Module) -> bool:
    pairs = zip(first.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a[0] == b[0] and torch.equal(a[1], b[1]) for a, b in pairs)


both_stages = pytest.mark.parametrize(('train', 'settings'), [(distortion, DISTORTION), (correction, CORRECTION)])


@both_stages
def test_loss_falls(train: Train, settings: StageTraining, samples: MotionSamples, tmp_path: Path) -> None:
    lines: list[str] = []
    network = train(replace(settings, epochs=20), samples, tmp_path, lines.append)
    assert not network.training
    assert len(lines) == 20
    assert losses(lines)[-1] < 0.7 * losses(lines)[0]


def test_distortion_learns_where_propagation_was_wrong(samples: MotionSamples, tmp_path: Path) -> None:
    network = train_distortion(replace(DISTORTION, epochs=20), samples, tmp_path, quiet)
    image = torch.from_numpy(samples.image[:, 1::4, 1::4]).permute(0, 3, 1, 2).float() / 255
    propagated = Propagated(
        torch.from_numpy(samples.scores).float(), torch.from_numpy(samples.propagated_image).float()
    )
    with torch.inference_mode():
        said = network(propagated, image)[:, 0].numpy()
    assert said[samples.wrong == 1].mean() > said[samples.wrong == 0].mean() + 0.3


class CutOffError(Exception):
    pass


@both_stages
def test_a_run_cut_off_ends_with_the_same_weights(
    train: Train, settings: StageTraining, samples: MotionSamples, tmp_path: Path
) -> None:
    whole = train(settings, samples, tmp_path / 'whole', quiet)

    def cut_off(text: str) -> None:
        if 'epoch 3/' in text:
            raise CutOffError  # what is said is written

    with pytest.raises(CutOffError):
        train(settings, samples, tmp_path / 'parts', cut_off)
    torch.rand(7)  # whatever else happened meanwhile
    lines: list[str] = []
    resumed = train(settings, samples, tmp_path / 'parts', lines.append)
    assert [line.split()[2] for line in lines] == ['4/4:']
    assert equal(resumed, whole)


@both_stages
def test_a_finished_run_is_loaded(
    train: Train, settings: StageTraining, samples: MotionSamples, tmp_path: Path
) -> None:
    settings = replace(settings, epochs=1)
    trained = train(settings, samples, tmp_path, quiet)
    lines: list[str] = []
    assert equal(train(settings, samples, tmp_path, lines.append), trained)
    assert not lines


def test_seed_decides_the_weights(samples: MotionSamples, tmp_path: Path) -> None:
    settings = replace(DISTORTION, epochs=1)
    first, same = (train_distortion(settings, samples, tmp_path / name, quiet) for name in ('one', 'same'))
    other = train_distortion(replace(settings, seed=1), samples, tmp_path / 'other', quiet)
    assert equal(first, same)
    assert not equal(first, other)


def test_other_settings_are_refused(samples: MotionSamples, tmp_path: Path) -> None:
    train_distortion(replace(DISTORTION, epochs=1), samples, tmp_path, quiet)
    with pytest.raises(DataError, match=r'made with other settings \(epochs\)'):
        train_distortion(replace(DISTORTION, epochs=2), samples, tmp_path, quiet)


def test_samples_are_left_alone_and_may_be_read_only(samples: MotionSamples, tmp_path: Path) -> None:
    save_samples(samples, tmp_path / 'samples', {})
    mapped = load_samples(tmp_path / 'samples', {})
    assert mapped is not None
    for name in ARRAYS:
        assert np.array_equal(getattr(mapped, name), getattr(samples, name))
    settings = replace(CORRECTION, epochs=1)
    first = correction(settings, mapped, tmp_path / 'mapped', quiet)
    assert equal(first, correction(settings, samples, tmp_path / 'whole', quiet))
    assert (samples.labels[0] == 255).all()  # the teacher's labels stood in, in a copy


def test_incomplete_samples_are_not_loaded(samples: MotionSamples, tmp_path: Path) -> None:
    assert load_samples(tmp_path, {}) is None
    save_samples(samples, tmp_path, {})
    (tmp_path / NOTE).unlink()
    assert load_samples(tmp_path, {}) is None
    save_samples(samples, tmp_path, {})
    array = tmp_path / f'{ARRAYS[-1]}.npy'
    array.write_bytes(array.read_bytes()[:-4])
    with pytest.raises(DataError, match=r'damaged: .*; delete it'):
        load_samples(tmp_path, {})


def test_samples_of_other_networks_data_or_motion_are_refused(samples: MotionSamples, tmp_path: Path) -> None:
    made_of = {'key': 'one', 'data': 'some', 'longest': 9}
    save_samples(samples, tmp_path, made_of)
    found = load_samples(tmp_path, made_of)
    assert found is not None and found.made_of
    assert load_samples(tmp_path, {'data': 'some', 'longest': 9}) is not None  # the key network is not at hand
    with pytest.raises(DataError, match=r'made with other settings \(data, key\)'):
        load_samples(tmp_path, {'key': 'another', 'data': 'more', 'longest': 9})
    train_distortion(replace(DISTORTION, epochs=1), found, tmp_path / 'out', quiet)
    with pytest.raises(DataError, match=r'made with other settings \(samples\)'):
        train_distortion(replace(DISTORTION, epochs=1), replace(found, made_of=''), tmp_path / 'out', quiet)


def test_distortion_starts_where_another_ended(samples: MotionSamples, tmp_path: Path) -> None:
    first = train_distortion(replace(DISTORTION, epochs=1), samples, tmp_path / 'first', quiet)
    settings = replace(DISTORTION, epochs=0, start=tmp_path / 'first' / 'checkpoint.pt')
    assert equal(train_distortion(settings, samples, tmp_path / 'second', quiet), first)
