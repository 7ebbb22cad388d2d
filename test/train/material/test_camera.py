# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import fields, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from davss_ros.train.material.camera import CameraFaults, disturbed


@pytest.fixture
def image() -> NDArray[np.uint8]:
    rows, columns = np.mgrid[:60, :80]
    picture = np.stack([3 * rows, 2 * columns, rows + columns], -1).astype(np.uint8)
    picture[20:40, 30:50] = (230, 40, 60)
    return picture


def test_without_any_fault_nothing_changes(image: NDArray[np.uint8]) -> None:
    assert np.array_equal(disturbed(image, np.random.default_rng(0), CameraFaults(share=0.0)), image)


@pytest.mark.parametrize('seed', range(12))
def test_things_stay_where_they_are(image: NDArray[np.uint8], seed: int) -> None:
    found = disturbed(image, np.random.default_rng(seed), CameraFaults(share=1.0))
    assert found.shape == image.shape and found.dtype == np.uint8
    assert not np.array_equal(found, image)
    centred = [channel - channel.mean() for channel in (image[..., 0].astype(float), found[..., 0].astype(float))]
    shifts = {
        (y, x): (np.roll(centred[0], (y, x), (0, 1)) * centred[1])[12:-12, 12:-12].sum()
        for y in (-8, 0, 8)
        for x in (-8, 0, 8)
    }
    assert max(shifts, key=lambda shift: shifts[shift]) == (0, 0)


def test_the_same_seed_gives_the_same_picture(image: NDArray[np.uint8]) -> None:
    pictures = [disturbed(image, np.random.default_rng(5), CameraFaults(share=1.0)) for _ in range(2)]
    assert np.array_equal(*pictures)


def test_a_brighter_exposure_is_two_to_the_stops(image: NDArray[np.uint8]) -> None:
    none = {f.name: type(f.default)(0) for f in fields(CameraFaults)}
    exposed = replace(CameraFaults(**none), share=1.0, exposure=1.0, quality=89, motion=2, defocus=0.3, shrink=1.0)
    from davss_ros.train.material import camera

    rng = np.random.default_rng(1)
    stops = np.random.default_rng(1).uniform(-1, 1)
    found = camera._exposed(image, rng, exposed)
    expected = np.clip(image * 2.0**stops, 0, 255).astype(np.uint8)
    assert np.abs(found.astype(int) - expected).max() <= 1
