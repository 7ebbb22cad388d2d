# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from davss_ros.networks.interface import Propagated
from davss_ros.networks.resample import up
from davss_ros.train.material.motion import MotionSamples
from davss_ros.train.parts.gate import GateTraining, gate_samples, train_gate, wrong_share

CLASSES, COUNT, HEIGHT, WIDTH = 3, 16, 16, 24


@pytest.fixture
def motion() -> MotionSamples:
    """What was carried is right on the left and unsure on the right; the correction the other way round."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, CLASSES, (COUNT, HEIGHT // 4, WIDTH // 4))
    other = (true + 1) % CLASSES
    right = np.arange(WIDTH // 4) >= WIDTH // 8
    scores = np.where(
        right, 0.5 * np.eye(CLASSES)[other].transpose(3, 0, 1, 2), 6 * np.eye(CLASSES)[true].transpose(3, 0, 1, 2)
    )
    labels = true.astype(np.uint8).repeat(4, 1).repeat(4, 2)
    labels[0] = 255
    teacher = (6.0 * np.eye(CLASSES)[true]).transpose(0, 3, 1, 2).astype(np.float16)
    image = np.zeros((COUNT, HEIGHT, WIDTH, 3), np.uint8)
    image[..., 0] = 20 * true.repeat(4, 1).repeat(4, 2)
    return MotionSamples(
        image,
        labels,
        scores.transpose(1, 0, 2, 3).astype(np.float16),
        np.zeros((COUNT, 3, HEIGHT // 4, WIDTH // 4), np.float16),
        teacher,
        np.zeros((COUNT, HEIGHT // 4, WIDTH // 4), np.float16),
        rng.integers(1, 9, COUNT),
    )


def correction(image: Tensor, propagated: Propagated) -> Tensor:
    true = (image[:, 0, 1::4, 1::4] * 255 / 20).round().long()
    scores = torch.nn.functional.one_hot(true, CLASSES).permute(0, 3, 1, 2).float()
    left = torch.arange(scores.shape[3]) < scores.shape[3] // 2
    return torch.where(left, 0.5 * scores.roll(1, 1), 6 * scores)


def distortion(propagated: Propagated, image: Tensor) -> Tensor:
    return torch.full_like(image[:, :1], 0.25)


def test_samples_are_what_the_networks_say(motion: MotionSamples) -> None:
    samples = gate_samples(motion, correction, distortion)
    image = torch.from_numpy(motion.image[3:4]).permute(0, 3, 1, 2) / 255
    expected = correction(image, Propagated(torch.zeros(0), torch.zeros(0)))
    np.testing.assert_allclose(samples.correction[3], expected[0].numpy())
    assert (samples.distortion == 0.25).all() and samples.distortion.shape == (COUNT, 1, HEIGHT // 4, WIDTH // 4)
    teacher = up(torch.from_numpy(motion.teacher[:1].astype(np.float32))).argmax(1)[0].numpy()
    np.testing.assert_array_equal(samples.labels[0], teacher)
    np.testing.assert_array_equal(samples.labels[1:], motion.labels[1:])


def test_the_gate_learns_whom_to_believe_and_where_both_are_wrong(motion: MotionSamples, tmp_path: Path) -> None:
    samples = gate_samples(motion, correction, distortion)
    settings = GateTraining(epochs=25, batch=4, learning_rate=0.02)
    lines: list[str] = []
    gate = train_gate(settings, samples, tmp_path, lines.append)
    propagated = torch.from_numpy(samples.propagated.astype(np.float32))
    arguments = torch.from_numpy(samples.correction.astype(np.float32))
    inputs = Propagated(propagated, propagated[:, :0]), arguments, torch.from_numpy(samples.distortion).float()
    with torch.inference_mode():
        weight = gate(*inputs, torch.from_numpy(samples.distance))[:, 0]
    half = weight.shape[2] // 2
    assert weight[..., :half].mean() < 0.3
    assert weight[..., half:].mean() > 0.7
    losses = [float(line.rsplit(' ', 1)[1]) for line in lines]
    assert losses[-1] < losses[0]
    again = train_gate(settings, samples, tmp_path, lines.append)
    assert all(torch.equal(a, b) for a, b in zip(gate.state_dict().values(), again.state_dict().values(), strict=True))


def test_the_share_of_wrong_labels_passes_over_void() -> None:
    scores = torch.randn(1, CLASSES, 4, 6, generator=torch.Generator().manual_seed(0))
    labels = up(scores).argmax(1)
    assert wrong_share(scores, labels).sum() == 0
    labels[0, :2, :4] = (labels[0, :2, :4] + 1) % CLASSES
    labels[0, 0, :4] = 255
    expected = torch.zeros(1, 4, 6)
    expected[0, 0, 0] = 4 / 16
    torch.testing.assert_close(wrong_share(scores, labels), expected)
