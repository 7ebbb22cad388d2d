# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from davss_ros.errors import DataError
from davss_ros.train.material.clips import Clip
from davss_ros.train.material.triplets import TripletSource

SIZE = (8, 12)


def numbered(length: int, labelled: set[int]) -> Clip:
    """Frame t is of brightness 10 t, and so are its labels t."""
    images = [np.full((*SIZE, 3), 10 * t, np.uint8) for t in range(length)]
    return Clip(images, [np.full(SIZE, t, np.uint8) if t in labelled else None for t in range(length)])


def test_frames_are_in_order_and_as_far_apart_as_told() -> None:
    clips = [numbered(20, set()), numbered(16, {1, 9, 15}), numbered(2, set())]
    source = TripletSource(clips, 2, 10, 2, (0, 0), seed=0)
    assert source.ends() == [(0, t) for t in range(2, 20)] + [(1, 9), (1, 15)]
    apart, between, labelled = set(), set(), 0
    for epoch in range(30):
        batches = list(source.epoch(epoch))
        assert len(batches) == 10
        for batch in batches:
            assert batch.key.shape == (2, 3, *SIZE) and batch.labels.shape == (2, *SIZE)
            times = [(x[:, 0, 0, 0] * 25.5).round().int() for x in (batch.key, batch.middle, batch.last)]
            for key, middle, last, labels in zip(*times, batch.labels, strict=True):
                assert key < middle < last
                apart.add(int(last - key))
                between.add(int(middle - key))
                expected = labels.unique().tolist()
                assert expected in ([255], [int(last)])
                labelled += expected != [255]
    assert apart == set(range(2, 11)) and between == set(range(1, 10))
    assert labelled == 30 * 2


def test_views_are_cut_and_mirrored_alike(bench: ModuleType) -> None:
    ramp = np.arange(24, dtype=np.uint8)[None].repeat(16, 0)
    clip = Clip([np.repeat(ramp[..., None], 3, 2)] * 3, [None, None, ramp])
    mirrored = set()
    for epoch in range(8):
        (batch,) = TripletSource([clip], 2, 10, 1, SIZE, seed=1).epoch(epoch)
        shown = (batch.last[0, 0] * 255).round().long()
        assert shown.shape == SIZE
        assert torch.equal(shown, batch.labels[0])
        assert torch.equal(batch.key, batch.last) and torch.equal(batch.middle, batch.last)
        mirrored.add(bool(shown[0, 0] > shown[0, 1]))
    assert mirrored == {True, False}


def test_an_epoch_depends_on_the_seed_and_its_number_only() -> None:
    first, same, other = (
        next(TripletSource([numbered(20, set())], 2, 10, 4, (0, 0), seed).epoch(3)) for seed in (0, 0, 1)
    )
    assert torch.equal(first.key, same.key) and not torch.equal(first.key, other.key)


def test_too_short_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='expected frames that follow 2 others'):
        TripletSource([numbered(2, set())], 2, 10, 1, (0, 0), 0).ends()
