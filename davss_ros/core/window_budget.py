# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""How many windows are redone: as many as the distortion asks for, between a floor and what a time allows.

The time is turned into a number once, by what a window costs: as ``window_cost`` says, or measured when the segmenter
is made. Nothing looks at a clock afterwards, so that with ``window_cost`` replays repeat.
"""

import time
from typing import NamedTuple

import torch

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.core.timing import wait_for
from davss_ros.core.windows import MARGIN, SHAPE, window_count
from davss_ros.networks.interface import Propagated
from davss_ros.networks.resample import SCALE

ROUNDS = 5
FEW, MANY = 1, 4  # windows


class WindowBudget(NamedTuple):
    """Between how many windows the distortion has a choice."""

    floor: int
    most: int


def window_budget(config: SegmenterConfig, model: Model, size: tuple[int, int], cost: float) -> WindowBudget:
    """Return the choice for a map of (h, w), where a window costs ``cost`` ms; that counts with a budget only."""
    most = window_count(size, model.correction_share)
    if config.window_budget:
        most = int(config.window_budget / cost)
    return WindowBudget(config.window_floor, max(most, config.window_floor))


def window_cost(config: SegmenterConfig, model: Model) -> float:
    """Return the ms of one window more: as the settings say or, if it matters and they do not, measured."""
    if config.window_cost or not config.window_budget:
        return config.window_cost
    times: dict[int, list[float]] = {FEW: [], MANY: []}
    for number in range(2 * (ROUNDS + 1)):
        count = MANY if number % 2 else FEW
        wait_for(model.device)
        start = time.perf_counter()
        redo_grey(model, count)
        wait_for(model.device)
        times[count].append(time.perf_counter() - start)
    few, many = (min(values[1:]) for values in times.values())  # the first of each may compile
    return max(1000 * (many - few) / (MANY - FEW), 0.01)


def redo_grey(model: Model, count: int) -> None:
    """Run the network that redoes windows on ``count`` grey ones; an engine may get ready for that number so."""
    height, width = (side + 2 * MARGIN for side in SHAPE)
    image = torch.full((count, 3, SCALE * height, SCALE * width), 0.5, device=model.device)
    scores = image.new_zeros(count, len(model.classes), height, width)
    propagated = Propagated(scores, image.new_zeros(count, 3, height, width))
    with torch.inference_mode():
        (model.window or model.correction)(image.contiguous(memory_format=torch.channels_last), propagated)
