"""`VideoSegmenter`: one camera's video in, labels and distortion out, frame by frame."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.core.config import SegmenterConfig, changed_settings
from davss_ros.core.correction import redo_windows
from davss_ros.core.frames import check_frame, to_frame_size, to_tensor
from davss_ros.core.labels import merge
from davss_ros.core.model import Model, load_model
from davss_ros.core.propagation import PROPAGATIONS, Propagation
from davss_ros.core.result import FrameResult
from davss_ros.core.timing import StageTimer
from davss_ros.errors import ConfigError
from davss_ros.networks.interface import Propagated
from davss_ros.networks.resample import SCALE, down

_Maps = tuple[Tensor, Tensor]  # labels (H', W') uint8 and distortion (h, w) of one frame


@dataclass
class _Cache:
    """What is kept from frame to frame."""

    size: tuple[int, ...]  # of the frames, (H, W)
    propagation: Propagation
    image: Tensor  # the last frame
    labels: Tensor  # of the key frame
    stamp: int  # of the last frame
    distance: int = 0


class VideoSegmenter:
    """Segments a video by the key frames' scores, the flow and a distortion-aware correction (DAVSS).

    Not for several threads at once; one camera, one segmenter. Segmenters may share a model.

    Args:
        config: settings.
        model: an already loaded model, to share; otherwise loaded as ``config`` says.
        key_phase: for one of several cameras: key frames fall on every frame whose number (from 0) plus this is a
            multiple of the interval, so that those of different phases never meet. Without, the interval counts from
            the last key frame, whatever forced it.

    Raises:
        ConfigError, WeightsError: as `load_model` does.
    """

    def __init__(
        self, config: SegmenterConfig | None = None, *, model: Model | None = None, key_phase: int | None = None
    ) -> None:
        self._config = config or SegmenterConfig()
        self.model = model or load_model(self._config)
        self._key_phase = key_phase
        self._steps = 0
        self._cache: _Cache | None = None
        self._reason = 'first'

    @property
    def config(self) -> SegmenterConfig:
        """The settings."""
        return self._config

    def reconfigure(self, config: SegmenterConfig) -> None:
        """Take over settings between two steps.

        Raises:
            ConfigError: one that is fixed differs.
        """
        fixed = changed_settings(self._config, config, changeable=False)
        if fixed:
            raise ConfigError(f'{", ".join(fixed)}: fixed once the model is loaded; make a new segmenter')
        self._config = config

    def step(self, frame: NDArray[np.uint8], stamp: int = 0) -> FrameResult:
        """Segment the next frame.

        Args:
            frame: (H, W, 3) uint8 RGB; sides as `davss_ros.core.frames` limits them.
            stamp: when it was taken, ns since the epoch; 0 where that is not known. One before the last frame's, or
                later by more than ``longest_gap``, forces a key frame.

        Raises:
            FrameError: the frame is not of that form. The cache stays as it was; whatever else fails drops it.
        """
        return step_together([self], [frame], [stamp])[0]

    def reset(self, reason: str = 'reset') -> None:
        """Forget what came before: the next frame is a key frame, for that ``reason``."""
        self._cache = None
        self._reason = reason

    def warm_up(self, size: tuple[int, int] = (480, 640)) -> None:
        """Run every network once on frames of that (H, W), so that the first real frame does not wait."""
        trial = VideoSegmenter(replace(self._config, key_interval=2, cut_distortion=1.0), model=self.model)
        trial.step(np.full((*size, 3), 127, np.uint8))
        trial.step(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8))  # nothing like it: all is redone

    def _key_reason(self, size: tuple[int, ...], stamp: int) -> str:
        """Return why the frame to come is a key frame; empty if it is none."""
        cache, config = self._cache, self._config
        if cache is None:
            return self._reason
        if cache.size != size:
            return 'size'
        if stamp and cache.stamp:
            if stamp < cache.stamp:
                return 'back'
            if config.longest_gap and stamp - cache.stamp > config.longest_gap * 1e9:
                return 'gap'
        if self._key_phase is None:
            due = cache.distance + 1 >= config.key_interval
        else:
            due = (self._steps + self._key_phase) % config.key_interval == 0
        return 'interval' if due or config.mode == 'per_frame' else ''


def step_together(
    videos: Sequence[VideoSegmenter], frames: Sequence[NDArray[np.uint8]], stamps: Sequence[int]
) -> list[FrameResult]:
    """Segment the next frame of each of several videos as one batch; with one, this is `VideoSegmenter.step`.

    Args:
        videos: segmenters with the same model and mode.
        frames: one of each, of one working size.
        stamps: theirs.

    Raises:
        FrameError: a frame is not as it should be. All caches stay as they were; whatever else fails drops them all.
    """
    for frame in frames:
        check_frame(frame)
    try:
        return _step(videos, frames, stamps)
    except Exception:
        for video in videos:
            video.reset('failure')
        raise


def _step(
    videos: Sequence[VideoSegmenter], frames: Sequence[NDArray[np.uint8]], stamps: Sequence[int]
) -> list[FrameResult]:
    model, everyone = videos[0].model, range(len(videos))
    timer = StageTimer(model.device)
    with torch.inference_mode():
        images = [to_tensor(f, v.config.working_height, model.device) for v, f in zip(videos, frames, strict=True)]
        timer.lap('prepare')
        reasons = [videos[i]._key_reason(frames[i].shape[:2], stamps[i]) for i in everyone]
        maps: dict[int, _Maps] = {}
        others = [i for i in everyone if not reasons[i]]
        if others:
            given = _propagate([videos[i] for i in others], [images[i] for i in others], timer)
            maps = {i: one for i, one in zip(others, given, strict=True) if one is not None}
            reasons = [reason or ('' if i in maps else 'cut') for i, reason in enumerate(reasons)]
        keys = [i for i in everyone if reasons[i]]
        if keys:
            sizes = [frames[i].shape[:2] for i in keys]
            maps.update(
                zip(keys, _key([videos[i] for i in keys], [images[i] for i in keys], sizes, timer), strict=True)
            )
        here = [(maps[i][0].cpu().numpy(), maps[i][1].cpu().numpy()) for i in everyone]
    labels = [to_frame_size(here[i][0], frames[i].shape[:2], videos[i].config.working_height) for i in everyone]
    timer.lap('labels')
    timings = {stage: value / len(videos) for stage, value in timer.milliseconds().items()}
    results = []
    for i, video in enumerate(videos):
        assert video._cache is not None
        video._cache.stamp = stamps[i]
        video._steps += 1
        distance = video._cache.distance
        results.append(FrameResult(labels[i], here[i][1], bool(reasons[i]), reasons[i], distance, stamps[i], timings))
    return results


def _key(
    videos: Sequence[VideoSegmenter], images: Sequence[Tensor], sizes: Sequence[tuple[int, ...]], timer: StageTimer
) -> list[_Maps]:
    """Run the key network and fill the caches anew."""
    model = videos[0].model
    scores = model.key(_batch(images))
    timer.lap('key')
    labels = merge(scores, align_corners=model.align_corners)
    for i, (video, image) in enumerate(zip(videos, images, strict=True)):
        key = Propagated(scores[i : i + 1], down(image, model.align_corners))
        video._cache = _Cache(sizes[i], PROPAGATIONS[model.propagation](key), image, labels[i], 0)
    return [(one, torch.zeros_like(scores[0, 0])) for one in labels]


def _propagate(videos: Sequence[VideoSegmenter], images: Sequence[Tensor], timer: StageTimer) -> list[_Maps | None]:
    """Carry the key frames' scores on and correct them; None where the map says that the scene is another one."""
    model, config = videos[0].model, videos[0].config
    caches = [video._cache for video in videos if video._cache is not None]
    image = _batch(images)
    trusted = torch.zeros_like(image[:, :1, ::SCALE, ::SCALE])
    for cache in caches:
        cache.distance += 1
    if config.mode == 'hold':
        return [(cache.labels, trusted[i, 0]) for i, cache in enumerate(caches)]
    flow = model.flow(image, _batch([cache.image for cache in caches]))
    for cache, now in zip(caches, images, strict=True):
        cache.image = now
    timer.lap('flow')
    carried = [cache.propagation.advance(flow[i : i + 1]) for i, cache in enumerate(caches)]
    propagated = Propagated(_batch([one.scores for one in carried]), _batch([one.image for one in carried]))
    timer.lap('propagation')
    if config.mode == 'flow':
        return list(zip(merge(propagated.scores, align_corners=model.align_corners), trusted[:, 0], strict=True))
    small = down(image, model.align_corners)
    if config.mode == 'correct_all':
        distortion, cut = trusted + 1, [False] * len(videos)
    else:
        distortion = model.distortion(propagated, small)
        means = distortion.mean((1, 2, 3)).tolist()
        cut = [mean > video.config.cut_distortion for mean, video in zip(means, videos, strict=True)]
    timer.lap('distortion')
    if all(cut):
        return [None] * len(videos)
    if config.mode == 'davss' and model.correction_share < 1:
        redone = redo_windows(model, image, small, propagated, distortion)
        for i, cache in enumerate(caches):
            cache.propagation.renew(Propagated(*(part[i : i + 1] for part in redone)))
        timer.lap('correction')
        labels = merge(redone.scores, align_corners=model.align_corners)
    else:
        correction = model.correction(image, propagated)
        timer.lap('correction')
        weight = (distortion * model.correction_gain).clamp(max=1)
        labels = merge(propagated.scores, correction, weight, model.align_corners)
    return [None if cut[i] else (labels[i], distortion[i, 0]) for i in range(len(videos))]


def _batch(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))
