# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""How far a figure may be off by the choice of frames: the bootstrap over blocks of frames.

Consecutive frames show the same things, so they do not count as independent: blocks of them are drawn with
replacement, as many as there are, and the figure is computed anew from the sum of their counts (Efron and Tibshirani,
An Introduction to the Bootstrap, 1993, sections 8 and 13).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from davss_ros.evaluate.confusion import mean_iou

ROUNDS = 1000
LEVEL = 0.95
Counts = NDArray[np.int64]


def interval(
    blocks: Counts,
    figure: Callable[[Counts], NDArray[np.float64]] = mean_iou,
    rounds: int = ROUNDS,
    level: float = LEVEL,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the lower and the upper end of a figure's interval; nan where there are fewer than two blocks.

    Args:
        blocks: (B, ...), what was counted in each block.
        figure: sums of counts of many draws (R, ...) -> the figure of each (R,).
        rounds: how many draws, R.
        level: share of the draws whose figure lies inside.
        seed: of the draws.
    """
    if len(blocks) < 2:
        return float('nan'), float('nan')
    figures = figure(np.tensordot(_draws(len(blocks), rounds, seed), blocks, 1))
    ends = np.nanquantile(figures, [(1 - level) / 2, (1 + level) / 2])
    return float(ends[0]), float(ends[1])


def _draws(count: int, rounds: int, seed: int) -> Counts:
    """Return (R, B): how often each block is in each draw."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), rounds)
