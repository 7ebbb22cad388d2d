# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import numpy as np
import pytest

from davss_ros.evaluate.bootstrap import interval
from davss_ros.evaluate.confusion import ConfusionMatrix, iou, mean_iou
from davss_ros.evaluate.results import miou_intervals
from davss_ros.evaluate.scores import Scores


def share(counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts[..., 0] / counts.sum(-1))


def test_the_interval_of_a_share_is_that_of_the_normal_approximation() -> None:
    hits = np.random.default_rng(0).binomial(1, 0.3, 400)
    low, high = interval(np.stack([hits, 1 - hits], 1), share, rounds=4000)
    mean, error = hits.mean(), 1.96 * hits.std() / 20
    assert low == pytest.approx(mean - error, abs=0.006)
    assert high == pytest.approx(mean + error, abs=0.006)


def test_blocks_that_are_alike_within_make_it_wider_than_single_frames_would() -> None:
    hits = np.random.default_rng(1).binomial(1, 0.5, 40).repeat(10)
    frames = np.stack([hits, 1 - hits], 1)
    blocks = frames.reshape(40, 10, 2).sum(1)
    widths = [np.diff(interval(counts, share)) for counts in (frames, blocks)]
    assert widths[1] > 2 * widths[0]


def test_one_block_tells_nothing() -> None:
    assert np.isnan(interval(np.ones((1, 2, 2), np.int64))).all()


def test_many_matrices_at_once_are_as_one_after_the_other() -> None:
    counts = np.random.default_rng(2).integers(0, 9, (5, 4, 4))
    counts[1, 2], counts[1, :, 2], counts[3] = 0, 0, 0
    for matrix_counts, ious, mean in zip(counts, iou(counts), mean_iou(counts), strict=True):
        matrix = ConfusionMatrix(4)
        matrix.counts = matrix_counts
        np.testing.assert_array_equal(ious, matrix.iou())
        assert mean == matrix.miou() or (np.isnan(mean) and np.isnan(matrix.miou()))


def test_intervals_of_curves_hold_the_figures_and_widen_for_fewer_frames() -> None:
    rng = np.random.default_rng(3)
    chosen = {d: Scores.empty(3) for d in (1, 2)}
    for t in range(60):
        true = rng.integers(0, 3, (12, 16)).astype(np.uint8)
        for d, scores in chosen.items():
            wrong = rng.random(true.shape) < 0.1 * d * (1 + t % 10 / 5)
            scores.add(np.where(wrong, (true + 1) % 3, true).astype(np.uint8), true, None, (0, t // 5))
    intervals = miou_intervals(chosen)
    mious = {str(d): 100 * scores.confusion.miou() for d, scores in chosen.items()}
    mious['mean'] = float(np.mean(list(mious.values())))
    for name, miou in mious.items():
        ends = intervals[name]
        assert ends is not None and ends[0] < miou < ends[1]
    few = {d: replace(scores, blocks=dict(list(scores.blocks.items())[:3])) for d, scores in chosen.items()}
    short, long = miou_intervals(few)['mean'], intervals['mean']
    assert short is not None and long is not None
    assert short[1] - short[0] > long[1] - long[0]
    single = {1: replace(few[1], blocks={(0, 0): few[1].confusion})}
    assert miou_intervals(single) == {'1': None, 'mean': None}
