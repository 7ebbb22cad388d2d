# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Joining parts of a bag: whether each begins where the one before really had a key frame; if not, it is done again."""

from collections.abc import Mapping

from davss_ros.evaluate.bags.job import Span, Task
from davss_ros.evaluate.bags.plan import BagPlan
from davss_ros.evaluate.bags.rows import FrameRow


class Joiner:
    """Follows the rows of a bag in their order, as far as the next part needs it.

    After a key frame nothing of what came before it matters to the segmenter, but for how many frames there were.
    """

    def __init__(self, plan: BagPlan) -> None:
        self._places = {topic: {int(n): i for i, n in enumerate(ns)} for topic, ns in plan.numbers.items()}
        self._recent: dict[str, dict[int, tuple[FrameRow, int]]] = {topic: {} for topic in plan.numbers}
        self._steps: dict[str, int] = dict.fromkeys(plan.numbers, 0)

    def add(self, row: FrameRow) -> None:
        """Take a row that counts."""
        place = self._places[row.camera][row.n]
        recent = self._recent[row.camera]
        keys = [p for p, (r, _) in recent.items() if r.key]
        if row.key and len(keys) > 2:  # the last few key frames and what follows them are enough
            for old in [p for p in recent if p < keys[-2]]:
                del recent[old]
        recent[place] = (row, self._steps[row.camera])
        self._steps[row.camera] += not row.skipped

    def misfit(self, task: Task, ahead: Mapping[str, Mapping[int, FrameRow]]) -> Task | None:
        """Return the task as it should have been; None if it is exact.

        Args:
            task: the next part.
            ahead: topic -> number -> its rows of frames before those that count.
        """
        spans = {topic: self._mended(topic, span, ahead.get(topic, {})) for topic, span in task.spans.items()}
        return None if spans == dict(task.spans) else Task(task.bag, spans, task.name)

    def _mended(self, topic: str, span: Span, ahead: Mapping[int, FrameRow]) -> Span:
        if span.begin in (0, span.end):
            return span
        recent = self._recent[topic]
        row, steps = recent.get(span.first, (None, -1))
        if row is not None and row.key and steps == span.steps:
            labels = {r.n: r.labels for p, (r, _) in recent.items() if p >= span.first}
            if (
                labels
                and labels == {n: r.labels for n, r in ahead.items() if n in labels}
                and len(labels) == len(ahead)
            ):
                return span
        keys = [(p, steps) for p, (r, steps) in recent.items() if r.key and p < span.begin]
        first, steps = keys[-1] if keys else (0, 0)
        return Span(first, span.begin, span.end, steps)
