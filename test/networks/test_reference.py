# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The published networks against what the authors' code computes (set DAVSS_REFERENCE to check other references)."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import load_model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.networks.interface import Propagated

TOLERANCE = 1e-4
CERTAIN = 1e-3  # margin from which labels must agree


@pytest.fixture(scope='module')
def outputs(reference: Path) -> dict[str, NDArray[Any]]:
    with np.load(reference / 'outputs.npz') as file:
        return dict(file)


def settings(weights: Path, outputs: dict[str, NDArray[Any]], convention: str) -> SegmenterConfig:
    classes = next(value.shape[0] for name, value in outputs.items() if name.endswith('key_logits'))
    return SegmenterConfig(
        weights=str(weights),
        classes={19: 'cityscapes19', 11: 'camvid11'}[classes],
        align_corners=convention == 'corners',
        device='cpu',
        precision='float32',
        working_height=0,
        key_interval=1000,
    )


@pytest.mark.parametrize('convention', ['pixel', 'corners'])
def test_every_array_is_reproduced(published: Path, outputs: dict[str, NDArray[Any]], convention: str) -> None:
    names = [name for name in outputs if name.startswith(convention)]
    if not names:
        pytest.skip(f'the reference has no {convention}_* arrays')
    model = load_model(settings(published, outputs, convention))
    segmenter = VideoSegmenter(settings(published, outputs, convention), model=model)
    values: dict[str, NDArray[Any]] = {}
    watch(segmenter, values)
    for t, frame in enumerate(outputs['frames']):
        values.clear()
        result = segmenter.step(frame, t)
        values['labels'] = result.labels
        values['distortion'] = result.distortion_quarter
        compared = 0
        for name in names:
            match = re.fullmatch(rf'{convention}_(\w+?)(?:_(\d+))?', name)
            assert match is not None
            what, when = match[1], int(match[2] or 0)
            if when == t and what != 'margin':
                check(what, values[what], outputs[name], outputs.get(f'{convention}_margin_{t}'))
                compared += 1
        assert compared or t == 0


def watch(segmenter: VideoSegmenter, values: dict[str, NDArray[Any]]) -> None:
    """Note what the networks give on the way of a frame."""
    model = segmenter.model

    def key(image: torch.Tensor) -> torch.Tensor:
        values['key_logits'] = (scores := model.key(image))[0].numpy()
        return scores

    def flow(image: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        values['flow'] = (motion := model.flow(image, previous))[0].numpy()
        return motion

    def correction(image: torch.Tensor, propagated: Propagated) -> torch.Tensor:
        values['propagated_logits'] = propagated.scores[0].numpy()
        values['propagated_image'] = propagated.image[0].numpy()
        values['correction_logits'] = (scores := model.correction(image, propagated))[0].numpy()
        return scores

    segmenter.model = replace(model, key=key, flow=flow, correction=correction)


def check(what: str, ours: NDArray[Any], theirs: NDArray[Any], margin: NDArray[Any] | None) -> None:
    if what == 'labels':
        assert margin is not None
        wrong = (ours != theirs) & (margin > CERTAIN)
        assert not wrong.any(), f'{wrong.sum()} labels differ where the margin exceeds {CERTAIN}'
    else:
        assert np.abs(ours - theirs).max() <= TOLERANCE, what


@pytest.mark.parametrize('size', [(68, 132), (100, 76), (64, 64)])
def test_other_sizes_work(published: Path, outputs: dict[str, NDArray[Any]], size: tuple[int, int]) -> None:
    segmenter = VideoSegmenter(settings(published, outputs, 'pixel'))
    rng = np.random.default_rng(5)
    for _ in range(2):
        result = segmenter.step(rng.integers(0, 255, (*size, 3), np.uint8))
        assert result.labels.shape == size
