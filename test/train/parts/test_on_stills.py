# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.errors import DataError
from davss_ros.networks.interface import Propagated
from davss_ros.train.material.augment import Augmentation
from davss_ros.train.material.scene import SceneClasses
from davss_ros.train.material.stale import Staleness, Still, View, stale_views
from davss_ros.train.parts.on_stills import StillsTraining, train_correction_on_stills

CLASSES, HEIGHT, WIDTH = 3, 48, 64
COLORS = np.array([[90, 130, 200], [110, 110, 110], [220, 70, 60]], np.uint8)
SETTINGS = StillsTraining(
    'cfnet_lite', CLASSES, epochs=2, batch=4, learning_rate=5e-3, roles=SceneClasses(movable=(2,)), rare=(2,)
)


@dataclass(frozen=True)
class Drawn:
    """A labelled image that is in no file."""

    seed: int
    size: tuple[int, int] = (HEIGHT, WIDTH)

    def labels(self, classes: int) -> NDArray[np.uint8]:
        rng = np.random.default_rng(self.seed)
        labels = np.zeros(self.size, np.uint8)
        labels[self.size[0] // 2 :] = 1
        x, y = rng.integers(0, 40), rng.integers(8, 28)
        cv2.rectangle(labels, (int(x), int(y)), (int(x) + 16, int(y) + 14), (2,), -1)
        return labels

    def image(self) -> NDArray[np.uint8]:
        noise = np.random.default_rng(self.seed).integers(-15, 16, (*self.size, 3))
        return (COLORS[self.labels(CLASSES)] + noise).clip(0, 255).astype(np.uint8)


STILLS = [Drawn(seed) for seed in range(8)]


def colours(image: Tensor) -> Tensor:
    """A key network that goes by the colour."""
    small = F.avg_pool2d(image, 4)[:, None]
    return -30 * (small - torch.from_numpy(COLORS / np.float32(255)).view(1, CLASSES, 3, 1, 1)).abs().sum(2)


def train(settings: StillsTraining, out: Path, say: Callable[[str], None] = lambda _: None) -> nn.Module:
    return train_correction_on_stills(settings, lambda: colours, STILLS, out, out / 'scores.npy', say)  # type: ignore[arg-type]  # as good as files


def equal(first: nn.Module, other: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def unseen() -> list[View]:
    stills = []
    for drawn in (Drawn(seed) for seed in range(100, 108)):
        image = torch.from_numpy(drawn.image()).permute(2, 0, 1)[None].float() / 255
        stills.append(Still(drawn.image(), drawn.labels(CLASSES), colours(image)[0].half().numpy()))
    rng = np.random.default_rng(9)
    return list(stale_views(stills, (2,), (2,), rng, Augmentation(), Staleness()))


def test_it_learns_what_has_come_and_what_has_gone(tmp_path: Path) -> None:
    network = train(replace(SETTINGS, epochs=60), tmp_path)
    assert not network.training
    stale, corrected, count = 0, 0, 0
    for view in unseen():
        image = torch.from_numpy(view.image).permute(2, 0, 1)[None].float() / 255
        carried = Propagated(torch.from_numpy(view.scores)[None], torch.from_numpy(view.propagated_image)[None])
        with torch.inference_mode():
            scores = network(image, carried)[0]
        labels = view.labels[1::4, 1::4]
        expected = labels != 255
        stale += (view.scores.argmax(0) != labels)[expected].sum()
        corrected += (scores.argmax(0).numpy() != labels)[expected].sum()
        count += expected.sum()
    assert stale > 0.02 * count
    assert corrected < 0.6 * stale


def test_the_key_network_is_asked_once(tmp_path: Path) -> None:
    lines: list[str] = []
    first = train(replace(SETTINGS, epochs=1), tmp_path, lines.append)
    assert len(lines) == 1
    assert np.load(tmp_path / 'scores.npy').shape == (8, CLASSES, HEIGHT // 4, WIDTH // 4)

    def mute(image: torch.Tensor) -> torch.Tensor:
        raise AssertionError

    settings = replace(SETTINGS, epochs=1)
    again = train_correction_on_stills(settings, lambda: mute, STILLS, tmp_path, tmp_path / 'scores.npy')  # type: ignore[arg-type]  # as good as files
    assert equal(first, again)


def test_a_run_cut_off_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = train(SETTINGS, tmp_path / 'whole')

    def cut_off(text: str) -> None:
        if 'epoch 2/' in text:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(SETTINGS, tmp_path / 'parts', cut_off)
    assert equal(train(SETTINGS, tmp_path / 'parts'), whole)


def test_other_settings_and_other_stills_are_refused(tmp_path: Path) -> None:
    train(replace(SETTINGS, epochs=1), tmp_path)
    with pytest.raises(DataError, match=r'made with other settings \(staleness\)'):
        train(replace(SETTINGS, epochs=1, staleness=Staleness(drift=2)), tmp_path)
    with pytest.raises(DataError, match=r'made with other settings \(data\)'):
        train_correction_on_stills(SETTINGS, lambda: colours, STILLS[:4], tmp_path, tmp_path / 'scores.npy')  # type: ignore[arg-type]  # as good as files


def test_stills_of_several_sizes_are_refused(tmp_path: Path) -> None:
    odd = [*STILLS, Drawn(0, (40, 64))]
    with pytest.raises(DataError, match='expected one size, a multiple of 4, found'):
        train_correction_on_stills(SETTINGS, lambda: colours, odd, tmp_path, tmp_path / 'scores.npy')  # type: ignore[arg-type]  # as good as files


def test_it_goes_on_from_another(tmp_path: Path) -> None:
    first = train(SETTINGS, tmp_path / 'one')
    lines: list[str] = []
    settings = replace(SETTINGS, start=tmp_path / 'one' / 'checkpoint.pt', epochs=1, learning_rate=0.0)
    other = train(settings, tmp_path / 'other', lines.append)
    count = len(first.state_dict())
    assert lines[0].startswith(f'cfnet_lite: {count} of {count} tensors from ')
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))
