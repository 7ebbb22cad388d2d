# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""PDA: accuracy against the distance from the key frame (DAVSS, section IV-B).

For every labelled frame and every distance d the key frame lies d frames before it; all distances are measured on the
same frames, those with enough frames before them for the longest one. All modes go through the frames together and
share what the networks give.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from davss_ros.core.classes import VOID
from davss_ros.core.config import SegmenterConfig, keyed_every
from davss_ros.core.model import Model
from davss_ros.core.result import FrameResult
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.evaluate.confusion import ConfusionMatrix
from davss_ros.evaluate.map_quality import MapQuality
from davss_ros.evaluate.memory import remembering
from davss_ros.evaluate.overheard import OverheardDistortion
from davss_ros.evaluate.scores import BLOCK, Curve, Evaluation, Scores, WorstFrame
from davss_ros.evaluate.videos import Run, Video, plan_runs
from davss_ros.evaluate.view import VideoView

MODES = ('hold', 'flow', 'correct_all', 'davss')
WORST, APART = 4, 10  # how many worst frames are kept, one out of this many consecutive ones


def distance_curves(
    videos: Sequence[Video],
    model: Model,
    config: SegmenterConfig,
    distances: Sequence[int],
    modes: Sequence[str] = MODES,
    intervals: Sequence[int] = (),
    progress: Callable[[Sequence[Run]], Iterable[Run]] = iter,
) -> Evaluation:
    """Return the scores of every mode at every distance, and of ``per_frame``.

    Memory does not grow with the length of the videos.

    Args:
        videos: consecutive frames, some or all labelled.
        model: the networks.
        config: settings; mode and key interval are overridden.
        distances: all at least 1.
        modes: which to measure; without any, the frames need not be consecutive.
        intervals: key-frame intervals to measure as well, see `Evaluation.at_interval`.
        progress: wraps the runs, each of one key frame and those after it, like `tqdm.tqdm`.

    Raises:
        DataError: no labelled frame has enough frames before it, or a file is unreadable or does not fit.
    """
    if not modes:
        distances, intervals = (), ()
    longest = max([*distances, *(n - 1 for n in intervals)], default=0)
    runs = plan_runs(videos, longest, max(intervals, default=0))
    overheard = OverheardDistortion(model, config.working_height)
    shared = replace(
        overheard.model,
        key=remembering(model.key, 2 * longest + 4),
        flow=remembering(model.flow, longest + 2),
        correction=remembering(model.correction, 1),
    )
    single = VideoSegmenter(replace(config, mode='per_frame'), model=shared)
    segmenters = {mode: VideoSegmenter(keyed_every(config, longest + 1, mode), model=shared) for mode in modes}
    tally = _Tally(len(model.classes), distances, intervals, modes, longest)
    view: VideoView | None = None
    for run in progress(runs):
        if view is None or view.number != run.video:
            view = VideoView(run.video, videos[run.video], single, longest, longest + 3)
        for segmenter in segmenters.values():
            segmenter.reset()
        for t in range(run.start, run.last + 1):
            results = {mode: segmenter.step(view.image(t)) for mode, segmenter in segmenters.items()}
            tally.add(view, t, t - run.start, results, overheard)
    return tally.evaluation()


class _Tally:
    """Counts the results of one step after the other."""

    def __init__(
        self, classes: int, distances: Sequence[int], intervals: Sequence[int], modes: Sequence[str], longest: int
    ) -> None:
        self._distances, self._intervals = distances, intervals
        self._single = Scores.empty(classes)
        self._curves = {
            mode: Curve(
                {d: Scores.empty(classes) for d in range(1, longest + 1)},
                {n: ConfusionMatrix(classes) for n in intervals},
            )
            for mode in modes
        }
        maps = distances if 'davss' in modes else ()
        self._distortion = {d: MapQuality() for d in maps}
        self._confidence = {d: MapQuality() for d in (0, *distances)} if modes else {}
        self._shown = 'davss' if 'davss' in modes else next(reversed(modes), '')
        self._worst: dict[tuple[int, int], WorstFrame] = {}
        self._counted = 0
        self._previous: dict[str, FrameResult] = {}

    def add(
        self, view: VideoView, t: int, distance: int, results: dict[str, FrameResult], overheard: OverheardDistortion
    ) -> None:
        """Count frame ``t`` of a video, ``distance`` frames after its key frame."""
        if view.counts(t):
            if distance:
                self._add_propagated(view, t, distance, results, overheard)
            else:
                self._counted += 1
                carried = view.carried(view.key_labels(t - 1), t) if self._curves and t else None
                if self._shown:
                    self._add_confidence(view, t, 0, results[self._shown])
                self._single.add(view.key_labels(t), view.labels(t), carried, (view.number, t // BLOCK))
        if view.counts(t + 1) and distance + 1 in self._intervals:
            for mode, result in results.items():
                jump = self._curves[mode].jumps[distance + 1]
                jump.add(view.key_labels(t + 1), view.carried(result.labels, t + 1))
        self._previous = results

    def _add_propagated(
        self, view: VideoView, t: int, distance: int, results: dict[str, FrameResult], overheard: OverheardDistortion
    ) -> None:
        true = view.labels(t)
        for mode, result in results.items():
            carried = view.carried(self._previous[mode].labels, t)
            self._curves[mode].at[distance].add(result.labels, true, carried, (view.number, t // BLOCK))
        if distance in self._distortion:
            labelled, wrong = true != VOID, overheard.labels(view.image(t).shape[:2]) != view.key_labels(t)
            self._distortion[distance].add(results['davss'].distortion[labelled], wrong[labelled])
        if distance in self._confidence:
            self._add_confidence(view, t, distance, results[self._shown])
        if distance == max(self._distances, default=0):
            self._look_at(view, t, distance, results[self._shown])

    def _add_confidence(self, view: VideoView, t: int, distance: int, result: FrameResult) -> None:
        true = view.labels(t)
        labelled = true != VOID
        self._confidence[distance].add(result.confidence[labelled], (result.labels == true)[labelled])

    def _look_at(self, view: VideoView, t: int, distance: int, result: FrameResult) -> None:
        confusion = ConfusionMatrix(len(self._single.confusion.counts))
        confusion.add(result.labels, view.labels(t))
        place, accuracy = (view.number, t // APART), confusion.accuracy()
        if not confusion.counts.any() or (place in self._worst and accuracy >= self._worst[place].accuracy):
            return
        self._worst[place] = WorstFrame(
            view.name(t),
            self._shown,
            distance,
            accuracy,
            view.image(t),
            result.labels,
            view.labels(t),
            result.distortion,
        )
        self._worst = dict(sorted(self._worst.items(), key=lambda item: item[1].accuracy)[:WORST])

    def evaluation(self) -> Evaluation:
        """Return what was counted."""
        curves = {'per_frame': Curve({0: self._single}), **self._curves}
        worst = list(self._worst.values())
        return Evaluation(
            self._distances, self._intervals, self._counted, curves, self._distortion, worst, self._confidence
        )
