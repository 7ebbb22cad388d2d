# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from davss_ros.networks.resample import down
from davss_ros.train.material.augment import Augmentation
from davss_ros.train.material.stale import Staleness, Still, View, _follow, _misplaced, _shift, stale_views

CLASSES, HEIGHT, WIDTH, MOVABLE = 4, 64, 96, 3
FRESH = Staleness(drift=0, border=0, objects=0, light=0)
AS_IT_IS = Augmentation((1, 1), brightness=0, contrast=0, saturation=0, hue=0, blur=0)
GREYS = np.array([20, 90, 160, 230], np.uint8)  # one a class: what is to be seen tells what it is


def still(number: int) -> Still:
    """Sky, ground and two blocks that could move; the key network knows them."""
    rng = np.random.default_rng(number)
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[32:] = 1
    for _ in range(2):
        y, x = 4 * rng.integers(4, 9), 4 * rng.integers(1, 18)
        labels[y : y + 16, x : x + 12] = MOVABLE
    scores = 8 * np.eye(CLASSES, dtype=np.float16)[labels[1::4, 1::4]].transpose(2, 0, 1)
    return Still(np.stack([GREYS[labels]] * 3, 2), labels, scores)


STILLS = [still(number) for number in range(6)]


def views(staleness: Staleness, ranges: Augmentation = AS_IT_IS, seed: int = 0) -> list[View]:
    return list(stale_views(STILLS, (MOVABLE,), (2,), np.random.default_rng(seed), ranges, staleness))


def best(scores: NDArray[Any]) -> NDArray[np.int64]:
    return np.asarray(scores.argmax(0))


def inside(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """1/4-size pixels around which for six pixels there is but one label."""
    square = np.ones((13, 13), np.uint8)
    same = np.asarray(cv2.dilate(labels, square) == cv2.erode(labels, square)) & (labels != 255)
    return same[1::4, 1::4]


@pytest.mark.parametrize('seed', range(5))
def test_scores_move_with_the_view(seed: int) -> None:
    ranges = replace(AS_IT_IS, scale=(0.7, 2.0))
    for view in views(FRESH, ranges, seed):
        sure = inside(view.labels)
        assert sure.sum() > 50
        assert (best(view.teacher)[sure] == view.labels[1::4, 1::4][sure]).all()


def test_what_is_fresh_is_what_the_key_network_says_of_the_frame_itself() -> None:
    for view in views(FRESH, replace(AS_IT_IS, scale=(0.8, 1.5))):
        np.testing.assert_allclose(view.scores, view.teacher, atol=1e-5)
        image = torch.from_numpy(view.image).permute(2, 0, 1)[None].float() / 255
        np.testing.assert_allclose(view.propagated_image, down(image)[0].numpy(), atol=1e-5)


def test_things_come_and_go_and_the_labels_know() -> None:
    come, gone = 0, 0
    for view in views(replace(FRESH, objects=3)):
        quarter = view.labels[1::4, 1::4]
        sure = inside(view.labels)
        assert (GREYS[view.labels] == view.image[..., 0]).all()
        assert (best(view.teacher)[sure] == quarter[sure]).all()
        was = best(view.scores)
        colours = GREYS[was] / np.float32(255)  # what was there looked like what the scores say
        assert (np.abs(view.propagated_image[0] - colours) < 0.01).mean() > 0.9
        come += ((quarter == MOVABLE) & (was != MOVABLE)).sum()
        gone += ((quarter != MOVABLE) & (was == MOVABLE)).sum()
    assert come > 20 and gone > 20


def test_a_flow_that_follows_a_thing_bends_what_is_around_it() -> None:
    thing = np.zeros((16, 40), bool)
    thing[:, 16:24] = True
    for seed in range(6):
        rng = np.random.default_rng(seed)
        flow = _follow(np.zeros((2, 16, 40), np.float32), thing, np.array([5.0, -3.0]), rng)
        across = flow[0, 8]
        assert (across[19:21] > 2.5).all() and (across <= 1.05 * 5).all()
        assert (np.diff(across[:20]) >= -1e-6).all() and across[0] < 0.1  # the background's far away, the thing's here
        np.testing.assert_allclose(flow[1], flow[0] * (-3 / 5), atol=1e-5)


def test_a_thing_that_is_followed_is_found_where_it_is_now() -> None:
    now = np.zeros((1, 24, 40), np.float32)
    now[:, 8:16, 20:28] = 1
    offset = np.array([6.0, -2.0])
    was = _shift(now, offset)
    assert was[0, 8, 30] == 1 and was[0, 12, 21] == 0  # it was further right, and higher
    for seed in range(6):
        rng = np.random.default_rng(seed)
        found = _misplaced(was, _follow(np.zeros((2, 24, 40), np.float32), now[0] > 0, offset, rng), rng, FRESH)
        assert found[0, 11:13, 23:25].min() > 0.9
        assert found[0, 8, 31] > 0.5  # where it was, a ghost remains


def test_what_came_into_view_is_the_border_repeated() -> None:
    reached = 0
    for seed in range(4):
        for view in views(replace(FRESH, border=0.4), seed=seed):
            rows, columns = view.scores.shape[1:]
            middle = slice(rows // 2 - 1, rows // 2 + 1)  # within reach from above and below
            wrong = (np.abs(view.scores - view.teacher)[:, middle] > 0.1).any((0, 1))
            assert not wrong[columns // 2 - 1 : columns // 2 + 1].any()
            for column in np.flatnonzero(wrong):
                beyond = slice(0, column) if column < columns // 2 else slice(column + 1, None)
                edge = view.scores[:, middle, column : column + 1]
                np.testing.assert_allclose(view.scores[:, middle, beyond] - edge, 0, atol=1e-5)
                reached += 1
    assert reached > 20


def test_drift_moves_the_scores_as_it_moves_the_image() -> None:
    moved = 0
    for view in views(replace(FRESH, drift=2.0)):
        sure = view.scores.max(0) > 7.9  # between two classes both are mixed
        colours = GREYS[best(view.scores)] / np.float32(255)
        assert (np.abs(view.propagated_image[0] - colours)[sure] < 0.03).all()
        moved += (best(view.scores) != best(view.teacher)).sum()
    assert moved > 20


def test_seed_decides() -> None:
    first, same, other = (views(Staleness(), Augmentation(), seed) for seed in (3, 3, 4))
    assert all(
        np.array_equal(a.scores, b.scores) and np.array_equal(a.image, b.image)
        for a, b in zip(first, same, strict=True)
    )
    assert not np.array_equal(first[0].scores, other[0].scores)
