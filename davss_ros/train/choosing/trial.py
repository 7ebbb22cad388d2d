# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Trying settings on clips: all go through the frames together and share what the networks give."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.config import SegmenterConfig, keyed_every
from davss_ros.core.model import NO_GATE, Model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.errors import ConfigError
from davss_ros.evaluate.bootstrap import interval
from davss_ros.evaluate.confusion import ConfusionMatrix, iou
from davss_ros.evaluate.memory import remembering
from davss_ros.networks.again import KeyAgain
from davss_ros.networks.interface import KeyNetwork
from davss_ros.networks.registry import build
from davss_ros.train.choosing.sets import ChoosingSet
from davss_ros.train.material.clips import Clip

OF_THE_MODEL = ('propagation', 'correction_gain', 'correction_share', 'correction_interval', 'window_worth')
CHOICES = (
    'mode',
    'gate',
    'flow',
    'key_views',
    *OF_THE_MODEL,
)  # what a setting may say; of the gate, that there is none
RARE = 5e-4  # share of pixels; the IoU of what is rarer tells of the key network's whims, where that is the truth
PER_FRAME = 'per_frame'  # the key network on every frame, beside all settings
Setting = Mapping[str, Any]


@dataclass(frozen=True)
class Trial:
    """What came of one set.

    Attributes:
        name: of the set.
        counts: setting -> (B, D, C, C) confusion matrices [true, labels] of each clip and distance 1 to D.
    """

    name: str
    counts: dict[str, NDArray[np.int64]]

    def frequent(self) -> NDArray[np.intp]:
        """Return the ids of the classes that make up `RARE` of the true labels or more: only those count."""
        pixels = self.counts[PER_FRAME].sum((0, 1, 3))
        return np.flatnonzero(pixels >= RARE * pixels.sum())

    def miou(self, setting: str) -> NDArray[np.float64]:
        """Return the mIoU in per cent of the `frequent` classes at each distance (D,)."""
        return self._miou(self.counts[setting].sum(0))

    def gain(self, setting: str, baseline: str) -> tuple[float, float, float]:
        """Return by how much ``setting`` is better, mean over the distances, and the ends of its interval.

        Points of mIoU; the interval is that of `davss_ros.evaluate.bootstrap` over the clips, both settings on the
        same ones.
        """
        both = np.stack([self.counts[setting], self.counts[baseline]], 1)

        def difference(counts: NDArray[np.int64]) -> NDArray[np.float64]:
            figures = self._miou(counts).mean(-1)  # (..., 2)
            return np.asarray(figures[..., 0] - figures[..., 1])

        return float(difference(both.sum(0))), *interval(both, difference)

    def _miou(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        return 100 * np.nanmean(iou(counts)[..., self.frequent()], -1)


def check_setting_choices(name: str, setting: Setting) -> None:
    """Raise `ConfigError` unless ``setting`` says only what may be chosen, each value in its range."""
    unknown = sorted(setting.keys() - set(CHOICES))
    if unknown:
        raise ConfigError(f'settings: {name}: expected {", ".join(CHOICES)}, found {", ".join(unknown)}')
    if setting.get('gate', NO_GATE) != NO_GATE:
        raise ConfigError(f'settings: {name}: gate: expected {NO_GATE}, found {setting["gate"]!r}')
    SegmenterConfig(**setting)
    if setting.get('key_views', 1) != 1:
        raise ConfigError(f"settings: {name}: key_views: expected 1, or nothing for the model's own, found 2")


def try_settings(
    chosen_by: ChoosingSet,
    settings: Mapping[str, Setting],
    config: SegmenterConfig | None = None,
    progress: Callable[[Sequence[Clip]], Iterable[Clip]] = iter,
) -> Trial:
    """Return what every setting, and `PER_FRAME`, makes of the clips of one set.

    Args:
        chosen_by: the set.
        settings: name -> what differs from the model's own: any of `CHOICES`.
        config: all else, such as the working height; mode and key interval are overridden.
        progress: wraps the clips, like `tqdm.tqdm`.

    Raises:
        ConfigError: a setting is none, or out of range, or asks for one view of a key network that the model does not
            have by itself.
    """
    for name, setting in settings.items():
        check_setting_choices(name, setting)
    longest = max(len(clip.images) for clip in chosen_by.clips) - 1
    config = keyed_every(config or SegmenterConfig(), longest + 1, 'davss')
    shared = _sharing(chosen_by.model, len(settings))
    one_view = _one_view(chosen_by.model)
    segmenters = {name: _segmenter(config, shared, setting, one_view) for name, setting in settings.items()}
    single = VideoSegmenter(replace(config, mode=PER_FRAME), model=shared)
    classes = len(shared.classes)
    names = [PER_FRAME, *settings]
    counts: dict[str, NDArray[np.int64]] = {
        name: np.zeros((len(chosen_by.clips), longest, classes, classes), np.int64) for name in names
    }
    for number, clip in enumerate(progress(chosen_by.clips)):
        for segmenter in segmenters.values():
            segmenter.reset()
        for distance, (image, true) in enumerate(zip(clip.images, clip.labels, strict=True)):
            key_labels = single.step(image).labels
            found = {name: segmenter.step(image).labels for name, segmenter in segmenters.items()}
            for name, labels in {PER_FRAME: key_labels, **found}.items() if distance else ():
                matrix = ConfusionMatrix(classes)
                matrix.add(labels, key_labels if true is None else true)
                counts[name][number, distance - 1] = matrix.counts
    return Trial(chosen_by.name, counts)


def _sharing(model: Model, settings: int) -> Model:
    """Return the model with networks that remember what they gave for a frame, whichever setting asked."""
    return replace(
        model,
        key=remembering(model.key, 1),
        flow=remembering(model.flow, 1),
        distortion=remembering(model.distortion, settings),
        correction=remembering(model.correction, settings),
        gate=remembering(model.gate, settings) if model.gate else None,
        window=remembering(model.window, settings) if model.window else None,
    )


def _one_view(model: Model) -> KeyNetwork | None:
    """Return the key network that redoes windows, if one does: it sees one view."""
    again = model.window or model.correction
    return remembering(again.key, 1) if isinstance(again, KeyAgain) else None


def _segmenter(config: SegmenterConfig, model: Model, setting: Setting, one_view: KeyNetwork | None) -> VideoSegmenter:
    fields_of_model = {field.name for field in fields(Model)}
    own = {name: value for name, value in setting.items() if name in OF_THE_MODEL and name in fields_of_model}
    if 'gate' in setting and model.window is not None:
        own |= {'gate': None, 'correction': model.window}
    if 'key_views' in setting:
        if one_view is None:
            raise ConfigError('settings: key_views: expected a model whose key network redoes windows, found another')
        own['key'] = one_view
    if 'flow' in setting:
        own['flow'] = build('flow', setting['flow'], len(model.classes)).eval()
    return VideoSegmenter(replace(config, mode=setting.get('mode', config.mode)), model=replace(model, **own))
