# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Frames worth a look: found in the rows, and made again, since only numbers were kept of them."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from davss_ros.core.model import Model
from davss_ros.evaluate.bags.job import Job, Span, Task
from davss_ros.evaluate.bags.plan import BagPlan
from davss_ros.evaluate.bags.rows import FrameRow, dense, read_rows
from davss_ros.evaluate.bags.run import Segmented, run_task

WORST, APART = 6, 15  # how many, and of how many consecutive frames there is at most one


@dataclass(frozen=True)
class Moment:
    """A frame, and from where it is made again.

    Attributes:
        row: what was kept of it.
        key: number of the message of its key frame.
        steps: frames of the camera that were segmented before that.
        score: what it was chosen for; the largest come first.
        place: of the frame among those of its camera.
    """

    row: FrameRow
    key: int
    steps: int
    score: float
    place: int


def share_wrong(row: FrameRow, classes: int) -> float | None:
    """Return the share of the labelled pixels that are wrong; None without any."""
    if row.counts is None:
        return None
    counts = dense(row.counts, (classes, classes))
    total = int(counts.sum())
    return 1 - float(np.trace(counts)) / total if total else None


def moments(rows: Path, score: Callable[[FrameRow], float | None], count: int, apart: int) -> list[Moment]:
    """Return the frames of the highest scores, of each camera ``apart`` frames or more from each other, highest first.

    Of ``apart`` frames in turn only the best is looked at, so there may be fewer than could be found.

    Args:
        rows: the file.
        score: of a row; None for one that is not to be chosen.
        count: how many.
        apart: frames.
    """
    best: dict[tuple[str, str, int], Moment] = {}
    keys: dict[tuple[str, str], tuple[int, int]] = {}
    places: dict[tuple[str, str], int] = {}
    for row in read_rows(rows):
        camera = row.bag, row.camera
        if row.skipped:
            continue
        place = places[camera] = places.get(camera, -1) + 1
        if row.key:
            keys[camera] = row.n, place
        value = score(row)
        window = (*camera, place // apart)
        if value is None or (window in best and best[window].score >= value):
            continue
        best[window] = Moment(row, *keys[camera], value, place)
        if len(best) > 4 * count + 100:
            best = dict(sorted(best.items(), key=lambda item: -item[1].score)[: 2 * count])
    chosen: list[Moment] = []
    for moment in sorted(best.values(), key=lambda moment: -moment.score):
        if all(_distance(moment, other) >= apart for other in chosen):
            chosen.append(moment)
    return chosen[:count]


def _distance(moment: Moment, other: Moment) -> float:
    """Return how many frames the two are apart; those of other cameras are as far as can be."""
    same = (moment.row.bag, moment.row.camera) == (other.row.bag, other.row.camera)
    return abs(moment.place - other.place) if same else math.inf


def made_again(
    chosen: list[Moment], job: Job, plans: Mapping[Path, BagPlan], model: Model
) -> Iterator[tuple[Moment, Segmented]]:
    """Segment the frames again, each from its key frame on."""
    plan_of = {plan.name: plan for plan in plans.values()}
    for moment in chosen:
        plan, found = plan_of[moment.row.bag], list[Segmented]()
        topic = moment.row.camera
        numbers = plan.numbers[topic].tolist()
        first, last = numbers.index(moment.key), numbers.index(moment.row.n)
        spans = {camera.topic: Span(0, 0, 0) for camera in job.cameras(plan.bag)}
        spans[topic] = Span(first, last, last + 1, moment.steps)
        for _ in run_task(Task(plan.bag, spans, plan.name), plan, job, model, observe=found.append):
            pass
        if found:
            yield moment, found[-1]
