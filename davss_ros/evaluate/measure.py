# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Measuring a model, and others beside it, on a folder of labelled consecutive frames."""

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from davss_ros.core.classes import SemanticClass
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model, load_model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.datasets.coding import ClassIds
from davss_ros.datasets.dataset import open_dataset
from davss_ros.datasets.usable import usable
from davss_ros.errors import DataError
from davss_ros.evaluate.corruption import corruption_scores
from davss_ros.evaluate.cost import TIMED, costs
from davss_ros.evaluate.distance import distance_curves
from davss_ros.evaluate.live import players, streaming_scores
from davss_ros.evaluate.provenance import provenance
from davss_ros.evaluate.results import results_of, rounded_streaming
from davss_ros.evaluate.scores import Evaluation, WorstFrame
from davss_ros.evaluate.videos import Video, check_videos, dataset_videos
from davss_ros.images.bit_depth import AUTO

log = logging.getLogger(__name__)
INTERVALS = (5, 10)
COMPARED = ('flow', 'davss')


@dataclass(frozen=True)
class Measured:
    """What an evaluation leaves: the content of ``results.json``, and what only the report shows."""

    results: dict[str, Any]
    worst: list[WorstFrame]
    classes: tuple[SemanticClass, ...]


def evaluate(
    folder: Path,
    config: SegmenterConfig,
    distances: Sequence[int],
    modes: Sequence[str],
    intervals: Sequence[int] | None = None,
    compare: Mapping[str, str] | None = None,
    *,
    streaming: bool = False,
    corrupt: bool = False,
    split: str = '',
    layout: str = '',
    strict: bool = False,
    bit_depth: int | str = AUTO,
    say: Callable[[str], object] = log.warning,
) -> Measured:
    """Measure a model on a folder of labelled data, of a layout that `open_dataset` knows; see `evaluate_videos`.

    Args:
        folder: the data.
        config: as there.
        distances: as there.
        modes: as there.
        intervals: as there.
        compare: as there.
        streaming: as there.
        corrupt: as there.
        split: ``val``, ``test`` and so on, where there are several.
        layout: a key of `davss_ros.datasets.dataset.LAYOUTS`; empty recognises it.
        strict: a broken image, or label file, is an error; else it is skipped.
        bit_depth: of 16-bit images.
        say: takes a line about what is skipped or odd; sequences are evaluated in parts where their size changes.
    """

    def read(model: Model) -> list[Video]:
        description = model.description  # of somebody else's network: how the labels that it was trained with are meant
        ids = ClassIds(description.label_offset, description.unlabelled) if description else ClassIds()
        dataset = open_dataset(folder, model.classes, layout=layout, split=split, bit_depth=bit_depth, ids=ids)
        dataset, _ = usable(dataset, say_once, strict=strict, sizes_may_change=True)
        if modes and not dataset.sequences:
            raise DataError(f'{folder}: expected consecutive frames, found none; --stills measures the key network')
        return dataset_videos(dataset)

    def say_once(line: str) -> None:  # other models may have other classes, but the files are the same
        if line not in lines:
            lines.append(line)
            say(line)

    lines: list[str] = []
    return evaluate_videos(
        folder.name,
        read,
        config,
        distances,
        modes,
        intervals,
        compare,
        streaming=streaming,
        corrupt=corrupt,
        checked=True,
    )


def evaluate_videos(
    name: str,
    read: Callable[[Model], Sequence[Video]],
    config: SegmenterConfig,
    distances: Sequence[int],
    modes: Sequence[str],
    intervals: Sequence[int] | None = None,
    compare: Mapping[str, str] | None = None,
    *,
    streaming: bool = False,
    corrupt: bool = False,
    checked: bool = False,
) -> Measured:
    """Measure a model, and perhaps others beside it, on videos of which all or some frames are labelled.

    ``per_frame`` (the key network on every frame) is always among the modes. Without others, only it is measured, and
    the images need not be consecutive.

    Args:
        name: of the data.
        read: gives the videos with labels as a model's classes.
        config: settings, and the model.
        distances: from the key frame, all at least 1.
        modes: any of `davss_ros.evaluate.distance.MODES`.
        intervals: key-frame intervals; by default those of `INTERVALS` that the distances reach.
        compare: name -> ``weights`` of models to be measured as well, ``flow`` and ``davss`` alone; networks and
            settings as their weights say.
        streaming: play the videos as well, at their own pace, to all models of the same classes; see
            `davss_ros.evaluate.live`.
        corrupt: measure all models on worse pictures, too; see `davss_ros.evaluate.corruption`.
        checked: the videos need not be read once before the work.

    Raises:
        DavssError: the data or a model does not fit.
        DataError: the videos are too short, or hold nothing to count.
    """
    if intervals is None:
        intervals = [n for n in INTERVALS if n <= max(distances, default=0) + 1]
    model = load_model(config)
    others = {other: replace(_as_told(config), weights=weights) for other, weights in (compare or {}).items()}
    models = {other: load_model(settings) for other, settings in others.items()}  # errors come before the work
    videos = read(model)
    if not checked:
        check_videos(videos)
    first = next((frame.image().shape for video in videos for frame in video), None)
    for loaded, settings in ((model, config), *((models[other], others[other]) for other in others)):
        if first is not None:  # engines are chosen before anything is measured
            VideoSegmenter(settings, model=loaded).warm_up((first[0], first[1]))
    evaluation, figures = _measure(name, videos, model, config, distances, modes, intervals)
    results: dict[str, Any] = {'data': name, 'frames': sum(map(len, videos)), 'model': model.name}
    results |= {'distances': list(evaluation.distances), 'intervals': list(evaluation.intervals)} | figures
    for other, settings in others.items():
        videos, compared = read(models[other]), [mode for mode in modes if mode in COMPARED]
        _, figures = _measure(other, videos, models[other], settings, distances, compared, intervals)
        results.setdefault('models', {})[other] = {'model': models[other].name} | figures
    if corrupt:
        distance = max(distances) if 'davss' in modes else 0
        bar = partial(tqdm, unit='corruption', desc=name)
        results['corruption'] = corruption_scores(videos, model, config, distance, bar)
        for other, settings in others.items():
            scores = corruption_scores(read(models[other]), models[other], settings, distance, bar)
            results['models'][other]['corruption'] = scores
    if streaming and modes:
        segmenters = players(model, config)
        for other, settings in others.items():
            if models[other].classes == model.classes:
                more = players(models[other], settings)
                segmenters |= {f'{other}/{way}': segmenter for way, segmenter in more.items()}
        results['streaming'] = rounded_streaming(streaming_scores(read(model), segmenters))
    return Measured(results, evaluation.worst, model.classes)


def _as_told(config: SegmenterConfig) -> SegmenterConfig:
    unnamed = replace(config, key='', flow='', distortion='', correction='', gate='', propagation='')
    return replace(
        unnamed,
        key_views=0,
        correction_gain=0.0,
        correction_share=0.0,
        correction_interval=0,
        correction_scale=0.0,
        window_worth=0.0,
    )


def _measure(
    name: str,
    videos: Sequence[Video],
    model: Model,
    config: SegmenterConfig,
    distances: Sequence[int],
    modes: Sequence[str],
    intervals: Sequence[int],
) -> tuple[Evaluation, dict[str, Any]]:
    bar = partial(tqdm, unit='run', desc=name)
    evaluation = distance_curves(videos, model, config, distances, modes, intervals, bar)
    if not evaluation.curves['per_frame'].at[0].confusion.counts.any():
        raise DataError(f'{name}: nothing to count: the {evaluation.counted} labelled frames that count are all void')
    longest = max(range(len(videos)), key=lambda number: len(videos[number]))
    frames = itertools.islice(videos[longest], TIMED)  # of one size
    cost = costs([frame.image() for frame in frames], model, config, modes)
    figures = results_of(evaluation, cost, [c.name for c in model.classes])
    return evaluation, figures | {'provenance': provenance(model, config)}
