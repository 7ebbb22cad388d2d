# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""`VideoSegmenter`: one camera's video in, labels and distortion out, frame by frame.

The way of a frame, in the order of this file:

1. `VideoSegmenter.step`, or `step_together` for the frames of several cameras as one batch.
2. `VideoSegmenter._begin`: the frame at its working size, and whether it is to be a key frame.
3. `_propagate`, on all but key frames: flow, propagation, with a gate a look at the whole frame, distortion,
   correction, labels. A cut in the scene shows in the distortion map; such a frame becomes a key frame after all.
4. `_segment_key_frames`: the key network, labels, and a cache that starts anew. With ``key_frame_mode: background``
   only those that cannot wait come here; for others the key network begins beside the stream
   (`VideoSegmenter._begin_key`), and its scores take over on a later frame (`Cache.advance`).
5. `VideoSegmenter._end`: the cache is kept for the next frame, labels and map go to the caller.

What is kept of a video, and what is found out about a frame on its way, is in `davss_ros.core.step`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.core.background import PendingKey, check_scores
from davss_ros.core.confidence import Evidence
from davss_ros.core.config import SegmenterConfig, changed_settings
from davss_ros.core.correction import Looked, correct
from davss_ros.core.frames import check_frame, street_scenes, to_tensor
from davss_ros.core.key_frames import KeyFrameSchedule, class_ids
from davss_ros.core.labels import merge
from davss_ros.core.look import look_again
from davss_ros.core.model import Model, load_model
from davss_ros.core.propagation import PROPAGATIONS
from davss_ros.core.result import FrameResult
from davss_ros.core.step import Cache, Step
from davss_ros.core.timing import StageTimer
from davss_ros.core.window_budget import WindowBudget, redo_grey, window_budget, window_cost
from davss_ros.errors import ConfigError
from davss_ros.networks.interface import Propagated
from davss_ros.networks.resample import SCALE, down


class VideoSegmenter:
    """Segments a video by the key frames' scores, the flow and a distortion-aware correction (DAVSS).

    Not for several threads at once; one camera, one segmenter. Segmenters may share a model.

    Args:
        config: settings.
        model: an already loaded model, to share; otherwise loaded as ``config`` says.
        key_phase: for one of several cameras: key frames fall on every frame whose number (from 0) plus this is a
            multiple of the interval, so that those of different phases never meet; with an interval set later the
            phase changes in proportion. Without, the interval counts from the last key frame, whatever forced it.

    Raises:
        ConfigError, WeightsError: as `load_model` does; or ``key_frame_classes`` names one that the model has not.
    """

    def __init__(
        self, config: SegmenterConfig | None = None, *, model: Model | None = None, key_phase: int | None = None
    ) -> None:
        self._config = config or SegmenterConfig()
        self.model = model or load_model(self._config)
        self._schedule = KeyFrameSchedule(key_phase, interval=self._config.key_interval, corrects=self.model.corrects)
        self._key_classes = class_ids(self._config, self.model.classes, self.model.device)
        self._window_cost = window_cost(self._config, self.model)
        self._cache: Cache | None = None
        self._reason = 'first'

    @property
    def config(self) -> SegmenterConfig:
        """The settings."""
        return self._config

    def reconfigure(self, config: SegmenterConfig) -> None:
        """Take over settings between two steps.

        Raises:
            ConfigError: one that is fixed differs, or ``key_frame_classes`` names one that the model has not.
        """
        fixed = changed_settings(self._config, config, changeable=False)
        if fixed:
            raise ConfigError(f'{", ".join(fixed)}: fixed once the model is loaded; make a new segmenter')
        self._key_classes = class_ids(config, self.model.classes, self.model.device)
        measured = 0.0 if self._config.window_cost else self._window_cost
        self._window_cost = config.window_cost or measured or window_cost(config, self.model)
        if self._cache is not None and self._cache.pending is not None:
            self._cache.pending.lag = config.key_frame_lag if config.key_frame_mode == 'background' else 1
        self._config = config

    def reset(self, reason: str = 'reset') -> None:
        """Forget what came before: the next frame is a key frame, for that ``reason``."""
        if self._cache is not None and self._cache.pending is not None:
            self._cache.pending.drop()
        self._cache = None
        self._reason = reason

    def warm_up(self, size: tuple[int, int] = (480, 640), count: int = 1) -> None:
        """Run every network on frames of that (H, W): engines are chosen, and the first real frame does not wait.

        The frames are two street scenes that have nothing in common, and all windows of the second are redone.

        Args:
            size: of the frames to come.
            count: how many may come as one batch, see `step_together`; engines get ready for batches, too.
        """
        config = replace(self._config, key_interval=2, cut_distortion=1.0, key_frame_policy='fixed', key_frame_lag=1)
        model = replace(self.model, window_worth=0.0)
        first, second = street_scenes(size)
        others = 3 if config.key_frame_mode == 'background' else 1  # the third of them takes over
        for number in dict.fromkeys((1, count)):
            trials = [VideoSegmenter(config, model=model) for _ in range(number)]
            for frame in (first, *[second] * others):
                step_together(trials, [frame] * number, [0] * number)
        if config.mode == 'davss' and self.model.redoes_windows:
            redo_grey(self.model, 1)  # where not all that may be are worth it

    def step(self, frame: NDArray[np.uint8], stamp: int = 0) -> FrameResult:
        """Segment the next frame.

        Args:
            frame: (H, W, 3) uint8 RGB; sides as `davss_ros.core.frames` limits them.
            stamp: when it was taken, ns since the epoch; 0 where that is not known. One before the last frame's, or
                later by more than ``longest_gap``, forces a key frame.

        Returns:
            Labels, distortion and what is known beside them, of this frame.

        Raises:
            FrameError: the frame is not of that form; the cache stays as it was.
            EngineError: the networks gave no numbers, or no engine is left that computes them. That, and whatever else
                fails, drops the cache: the next frame is a key frame, for the reason ``failure``.
        """
        return step_together([self], [frame], [stamp])[0]

    def _begin(self, frame: NDArray[np.uint8], stamp: int) -> Step:
        """Return the step of the next frame, a checked one, for `step_together` to take."""
        image = to_tensor(frame, self._config.working_height, self.model.device)
        size, cache = frame.shape[:2], self._cache
        reason = self._reason if cache is None else cache.key_reason(self._config, size, stamp)
        step = Step(self, size, stamp, image, reason, cache)
        if cache is not None and not step.key_reason and cache.pending is None:
            self._begin_key(step, self._schedule.due(self._config, cache.distance + 1))
        return step

    def _begin_key(self, step: Step, reason: str) -> None:
        """Let the frame be a key frame for that ``reason``, if there is one: inline, or in the background."""
        if not reason or self._config.key_frame_mode == 'inline' or self._config.mode in ('per_frame', 'hold'):
            step.key_reason = reason
            return
        assert step.cache is not None  # nothing to go on from is a reason that cannot wait
        model = self.model
        scores = model.key_thread.start(model.key, step.image)
        quarter, begin = down(step.image, model.align_corners), PROPAGATIONS[model.propagation]
        step.pending = PendingKey(reason, scores, quarter, begin, self._config.key_frame_lag)

    def _reconsider_key(self, step: Step, distortion: Tensor, scores: Tensor) -> None:
        """Let the frame be a key frame after all, if its distortion map (h, w) and propagated scores (C, h, w) ask."""
        cache = step.cache
        assert cache is not None
        reason = self._schedule.asked(self._config, distortion, scores, cache.distance, self._key_classes)
        if reason == 'cut':  # there is nothing to go on from, unless the map is at a loss before a black picture
            step.key_reason = '' if step.is_still() else reason
        elif cache.pending is None and step.pending is None:
            self._begin_key(step, reason)

    def _windows(self, size: tuple[int, int]) -> WindowBudget:
        """Return how many windows may be redone of a frame whose map is (h, w)."""
        return window_budget(self._config, self.model, size, self._window_cost)

    def _end(self, step: Step, labels: NDArray[np.uint8], timings: dict[str, float]) -> FrameResult:
        """Keep what the next frame needs of a step that was taken, and return what the caller gets of it."""
        assert step.cache is not None  # every way through a step leaves one
        cache = self._cache = step.cache
        cache.stamp = step.stamp or cache.stamp  # one that is not known tells nothing
        cache.pending = step.pending or cache.pending
        self._schedule.count(self._config, key=bool(step.key_reason or step.pending))
        reason, cache.taken = step.key_reason or cache.taken, ''
        distortion = step.distortion.cpu().numpy()
        evidence = Evidence(step.scores, step.distortion, self.model.confidence)
        return FrameResult(
            labels,
            distortion,
            bool(step.key_reason),
            reason,
            cache.distance,
            step.stamp,
            timings,
            evidence,
            self._config.working_height,
        )


def step_together(
    videos: Sequence[VideoSegmenter], frames: Sequence[NDArray[np.uint8]], stamps: Sequence[int]
) -> list[FrameResult]:
    """Segment the next frame of each of several videos as one batch; with one, this is `VideoSegmenter.step`.

    Args:
        videos: segmenters with the same model and mode.
        frames: one of each, of one working size.
        stamps: theirs.

    Returns:
        What `VideoSegmenter.step` gives, of each.

    Raises:
        FrameError: a frame is not as it should be; all caches stay as they were.
        EngineError: as of `VideoSegmenter.step`; that, and whatever else fails, drops all caches.
    """
    for frame in frames:
        check_frame(frame)
    try:
        with torch.inference_mode():
            return _step(videos, frames, stamps)
    except Exception:
        for video in videos:
            video.reset('failure')
        raise


def _step(
    videos: Sequence[VideoSegmenter], frames: Sequence[NDArray[np.uint8]], stamps: Sequence[int]
) -> list[FrameResult]:
    model, mode = videos[0].model, videos[0].config.mode
    timer = StageTimer(model.device)
    steps = [video._begin(frame, stamp) for video, frame, stamp in zip(videos, frames, stamps, strict=True)]
    timer.lap('prepare')
    _propagate([step for step in steps if not step.key_reason], model, mode, timer)
    _segment_key_frames([step for step in steps if step.key_reason], model, timer)
    labels = [step.frame_labels() for step in steps]
    timer.lap('labels')
    timings = {stage: value / len(steps) for stage, value in timer.milliseconds().items()}
    return [step.video._end(step, own, timings) for step, own in zip(steps, labels, strict=True)]


def _propagate(steps: Sequence[Step], model: Model, mode: str, timer: StageTimer) -> None:
    """Carry the key frames' scores on to these frames and correct them; a cut in the scene makes one a key frame."""
    if not steps:
        return
    caches = [step.cache for step in steps if step.cache is not None]  # all have one
    image = _batch([step.image for step in steps])
    trusted = torch.zeros_like(image[:, :1, ::SCALE, ::SCALE])
    for cache in caches:
        cache.distance += 1
    if mode == 'hold':
        return _label(steps, [cache.labels.clone() for cache in caches], trusted, [cache.scores for cache in caches])

    flow = model.flow(image, _batch([cache.image for cache in caches]))
    for step, cache in zip(steps, caches, strict=True):
        step.previous, cache.image = cache.image, step.image
    timer.lap('flow')

    parts = [cache.advance(flow[i : i + 1]) for i, cache in enumerate(caches)]
    propagated = Propagated(_batch([part.scores for part in parts]), _batch([part.image for part in parts]))
    timer.lap('propagation')
    if mode == 'flow':
        labels = merge(propagated.scores, align_corners=model.align_corners)
        return _label(steps, labels, trusted, propagated.scores)

    image_quarter = down(image, model.align_corners)
    looked: Looked | None = None
    if mode == 'davss':
        distortion, looked = _judged(steps, model, image, image_quarter, propagated, flow, timer)
    else:
        distortion = trusted + 1
    timer.lap('distortion')
    if all(step.key_reason for step in steps):
        return None

    if mode == 'davss' and not model.corrects:
        timer.lap('correction')
        labels = merge(propagated.scores, align_corners=model.align_corners)
        return _label(steps, labels, distortion, propagated.scores)
    if mode == 'davss' and model.redoes_windows:
        scores = _redone(steps, model, image, image_quarter, propagated, distortion, looked, timer)
        labels = merge(scores, align_corners=model.align_corners)
    else:
        correction = model.correction(image, propagated)
        timer.lap('correction')
        weight = (distortion * model.correction_gain).clamp(max=1)
        scores = propagated.scores.lerp(correction, weight)
        labels = merge(propagated.scores, correction, weight, model.align_corners)
    return _label(steps, labels, distortion, scores)


def _judged(
    steps: Sequence[Step],
    model: Model,
    image: Tensor,
    image_quarter: Tensor,
    propagated: Propagated,
    flow: Tensor,
    timer: StageTimer,
) -> tuple[Tensor, Looked | None]:
    """Return the distortion map (N, 1, h, w) and, with a gate, what the looks at the whole frames say."""
    looked: Looked | None = None
    if model.gate is not None and model.looks:
        caches = [step.cache for step in steps if step.cache is not None]
        correction = look_again(model, image, propagated, [cache.look for cache in caches], flow)
        if any(cache.look.age == 0 for cache in caches):
            timer.lap('look')
        distance = torch.tensor([cache.distance for cache in caches], device=image.device)
        distortion, weight, wrong = model.gate(propagated, image_quarter, correction, distance).split(1, 1)
        looked = Looked(correction, weight, wrong)
    else:
        distortion = model.distortion(propagated, image_quarter)
    for step, own, scores in zip(steps, distortion[:, 0], propagated.scores, strict=True):
        step.video._reconsider_key(step, own, scores)
    return distortion, looked


def _redone(
    steps: Sequence[Step],
    model: Model,
    image: Tensor,
    image_quarter: Tensor,
    propagated: Propagated,
    distortion: Tensor,
    looked: Looked | None,
    timer: StageTimer,
) -> Tensor:
    """Return the scores that were propagated, corrected by a look at the whole frame and in windows."""
    caches = [step.cache for step in steps if step.cache is not None]
    budgets = [step.video._windows((distortion.shape[2], distortion.shape[3])) for step in steps]
    redone = correct(model, image, image_quarter, propagated, distortion, looked, budgets)
    for i, cache in enumerate(caches):
        cache.propagation.renew(Propagated(*(part[i : i + 1] for part in redone)))
    timer.lap('correction')
    return redone.scores


def _segment_key_frames(steps: Sequence[Step], model: Model, timer: StageTimer) -> None:
    """Run the key network and start the caches anew."""
    if not steps:
        return
    for step in steps:
        step.drop_pending()
    scores = model.key_thread.segment(model.key, _batch([step.image for step in steps]))
    check_scores(scores)
    timer.lap('key')
    labels = merge(scores, align_corners=model.align_corners)
    for i, step in enumerate(steps):
        key = Propagated(scores[i : i + 1], down(step.image, model.align_corners))
        step.cache = Cache(
            step.size, PROPAGATIONS[model.propagation](key), step.image, labels[i].clone(), scores[i], step.stamp
        )
    _label(steps, labels, torch.zeros_like(scores[:, :1]), scores)


def _label(
    steps: Sequence[Step], labels: Sequence[Tensor] | Tensor, distortion: Tensor, scores: Sequence[Tensor] | Tensor
) -> None:
    for i, step in enumerate(steps):
        step.labels, step.distortion, step.scores = labels[i], distortion[i, 0], scores[i]


def _batch(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))
