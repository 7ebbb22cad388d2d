# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.datasets.stills import labelled_images
from davss_ros.train.runs.compute import Compute
from davss_ros.train.runs.validation import stills_miou


class Brightness(nn.Module):
    """Class 2 where it is bright, 1 where it is grey, else 0, block by block."""

    def forward(self, image: Tensor) -> Tensor:
        level = F.avg_pool2d(image.mean(1, keepdim=True), 4)
        return 9 * torch.cat([0.3 - level, 0.2 - (level - 0.5).abs(), level - 0.7], 1)


def test_miou_is_scikit_learns(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for kind in ('images', 'labels'):
        (tmp_path / kind).mkdir()
    true, said = [], []
    for number in range(3):
        blocks = rng.integers(0, 3, (4, 6), np.uint8)
        labels = blocks.repeat(16, 0).repeat(16, 1)
        wrong = np.where(rng.random((4, 6)) < 0.3, (blocks + 1) % 3, blocks).repeat(16, 0).repeat(16, 1)
        labels[:3], labels[:, 90:] = 255, 255
        image = np.repeat((wrong * 120)[..., None], 3, 2).astype(np.uint8)
        cv2.imwrite(str(tmp_path / 'images' / f'{number}.png'), image[:61, :94])  # no multiples of 4
        cv2.imwrite(str(tmp_path / 'labels' / f'{number}.png'), labels[:61, :94])
        inner = np.zeros((64, 96), bool)
        inner[:61, :94] = labels[:61, :94] != 255
        true.append(labels[inner])
        said.append(wrong[inner])
    counts = confusion_matrix(np.concatenate(true), np.concatenate(said)).astype(float)
    expected = (np.diag(counts) / (counts.sum(0) + counts.sum(1) - np.diag(counts))).mean()
    measured = stills_miou(Brightness(), labelled_images(tmp_path), 3, Compute())()
    assert measured['miou'] == pytest.approx(expected, abs=0.05)  # blocks blend along their edges
    assert 0.3 < expected < 0.8
