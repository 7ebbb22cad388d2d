import numpy as np
import pytest

from davss_ros.evaluate.bootstrap import interval
from davss_ros.evaluate.confusion import ConfusionMatrix, iou, mean_iou


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
    for one, ious, mean in zip(counts, iou(counts), mean_iou(counts), strict=True):
        matrix = ConfusionMatrix(4)
        matrix.counts = one
        np.testing.assert_array_equal(ious, matrix.iou())
        assert mean == matrix.miou() or (np.isnan(mean) and np.isnan(matrix.miou()))
