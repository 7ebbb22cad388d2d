# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""When key frames come, of those that nothing forces.

``fixed``
    Every ``key_interval`` frames.
``auto``
    ``adaptive`` where there is no correction, ``fixed`` elsewhere.
``adaptive``
    When the distortion map asks for one (its mean, its reach or its growth since the last key frame), but on average
    no more often than ``key_interval`` says: every frame adds to a credit, a key frame costs ``key_interval`` frames of
    it, and what a quiet scene saves, up to `BURST` key frames, a busy one may spend. And when the last key frame is
    ``key_frame_age`` frames old.

Nothing here looks at a clock: the same video gives the same key frames.
"""

import sys
from collections.abc import Sequence

import torch
from torch import Tensor

from davss_ros.core.classes import SemanticClass
from davss_ros.core.config import SegmenterConfig
from davss_ros.errors import ConfigError

BURST = 2  # key frames whose cost a quiet scene may save up
FAR = 0.5  # distortion from which a place counts towards the map's reach


class KeyFrameSchedule:
    """Decides which frames of one video are key frames, apart from those that are forced.

    Args:
        phase: for one of several cameras, see `davss_ros.core.segmenter.VideoSegmenter`.
        interval: that the phase is a part of; with another one it changes in proportion.
        corrects: what was propagated is corrected, so that key frames by interval will do.
    """

    def __init__(self, phase: int | None = None, *, interval: int | None = None, corrects: bool = True) -> None:
        self._phase, self._interval = phase, interval
        self._corrects = corrects
        self._steps = 0
        self._last_key = 0  # step
        self._credit = phase or 0  # frames
        self._first_mean = 0.0  # of the first map after the key frame
        self._last_distance = sys.maxsize  # of the last map

    def due(self, config: SegmenterConfig, distance: int) -> str:
        """Return why the frame at that ``distance`` from the key frame is to be one, before it is looked at."""
        if config.mode == 'per_frame':
            return 'interval'
        if self._by_map(config):
            return 'age' if distance >= config.key_frame_age else ''
        if self._phase is None:
            return 'interval' if distance >= config.key_interval else ''
        phase = self._phase * config.key_interval // (self._interval or config.key_interval)
        now, last = ((step + phase) // config.key_interval for step in (self._steps, self._last_key))
        return 'interval' if now > last else ''  # one that could not be had is owed

    def asked(
        self,
        config: SegmenterConfig,
        distortion: Tensor,
        scores: Tensor,
        distance: int,
        classes: Tensor | None = None,
    ) -> str:
        """Return why the frame with that ``distortion`` map is to be a key frame after all.

        Args:
            config: settings.
            distortion: (h, w) in [0, 1].
            scores: what was propagated (C, h, w).
            distance: frames since the key frame.
            classes: ids of those that count (n,); None: all.
        """
        mean = float(distortion.mean())
        if not mean <= config.cut_distortion:  # nor is a map that is no number one to go on by
            return 'cut'
        if not self._by_map(config):
            return ''
        if classes is not None:
            counted = distortion[torch.isin(scores.argmax(0), classes)]
            distortion = counted if counted.numel() else distortion.new_zeros(1)
            mean = float(distortion.mean())
        if distance <= self._last_distance:  # of another key frame than the map before
            self._first_mean = mean
        self._last_distance = distance
        bad = mean > config.key_frame_distortion
        bad |= float((distortion > FAR).double().mean()) > config.key_frame_reach
        bad |= mean - self._first_mean > config.key_frame_growth
        return 'distortion' if bad and self._credit >= config.key_interval else ''

    def count(self, config: SegmenterConfig, *, key: bool) -> None:
        """Go on to the next frame; ``key``: the key network begins on this one, whatever the reason."""
        if key:
            self._last_key = self._steps
            self._credit = max(0, self._credit - config.key_interval)
        self._credit = min(self._credit + 1, BURST * config.key_interval)
        self._steps += 1

    def _by_map(self, config: SegmenterConfig) -> bool:
        """Return whether the map decides; modes without one keep to the interval."""
        policy = config.key_frame_policy
        if policy == 'auto':
            policy = 'fixed' if self._corrects else 'adaptive'
        return policy == 'adaptive' and config.mode == 'davss'


def staggered_phase(number: int, cameras: int, key_interval: int) -> int | None:
    """Return the phase of camera ``number`` (from 0) of so many; None of a single one.

    Their key frames then never meet while all cameras' frames are served alike, unless there are more cameras than
    frames from key frame to key frame.
    """
    return number * key_interval // cameras if cameras > 1 else None


def class_ids(config: SegmenterConfig, classes: Sequence[SemanticClass], device: torch.device) -> Tensor | None:
    """Return the ids (n,) of ``key_frame_classes``; None if it names none, so that all count.

    Raises:
        ConfigError: there is no such class.
    """
    wanted = [name.strip() for name in config.key_frame_classes.split(',') if name.strip()]
    names = [c.name for c in classes]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise ConfigError(f'key_frame_classes: expected any of {", ".join(names)}, found {", ".join(unknown)}')
    return torch.tensor([names.index(name) for name in wanted], device=device) if wanted else None
