# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What ``results.json`` holds."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from davss_ros.evaluate.bootstrap import interval
from davss_ros.evaluate.confusion import ConfusionMatrix, mean_iou
from davss_ros.evaluate.cost import Cost
from davss_ros.evaluate.map_quality import MapQuality
from davss_ros.evaluate.scores import Evaluation, Scores

ROC_POINTS = 101


def results_of(evaluation: Evaluation, cost: Mapping[str, Cost], classes: Sequence[str]) -> dict[str, Any]:
    """Return the figures of an evaluation, in per cent unless said otherwise, ready for JSON.

    - ``modes.<mode>.miou``, ``.boundary_f`` and ``.consistency`` hold a figure per distance and their ``mean``;
      ``.iou`` one per distance and class, null for a class neither seen nor predicted.
    - ``modes.<mode>.miou_interval`` holds the ends of the 95 % interval of each of these mIoU by a bootstrap over
      blocks of `davss_ros.evaluate.scores.BLOCK` frames; null where there is but one block.
    - ``modes.<mode>.interval.<n>`` holds the same of whole videos with a key frame every n frames, and the cost of
      a frame.
    - ``modes.<mode>.cost``: median ms per stage, billions of multiply-adds (``gmacs``) and ``ratio``, the ms of a
      frame between key frames to those of a key frame.
    - ``confidence``: the expected calibration error and AUC of the confidence by distance, 0: key frames, and
      ``calibration`` of all together, as fractions, see `Evaluation.confidence`.
    - ``distortion``: quality of the distortion map as fractions, see `Evaluation.distortion`.
    """
    results: dict[str, Any] = {'counted': evaluation.counted, 'modes': {}}
    for mode, curve in evaluation.curves.items():
        chosen = {d: curve.at[d] for d in (evaluation.distances if mode != 'per_frame' else [0])}
        results['modes'][mode] = {
            'miou': _by_distance({d: 100 * scores.confusion.miou() for d, scores in chosen.items()}),
            'miou_interval': miou_intervals(chosen),
            'iou': {str(d): class_iou(scores.confusion, classes) for d, scores in chosen.items()},
            'boundary_f': _by_distance({d: 100 * scores.boundary.mean_f() for d, scores in chosen.items()}),
            'consistency': _by_distance({d: 100 * scores.consistency.miou() for d, scores in chosen.items()}),
            'interval': {
                str(n): _interval(evaluation.at_interval(mode, n), cost.get(mode), n)
                for n in (evaluation.intervals if mode != 'per_frame' else [])
            },
        }
        if mode in cost:
            results['modes'][mode]['cost'] = _cost(cost[mode])
    if evaluation.confidence:
        results['confidence'] = _confidence(evaluation.confidence)
    if evaluation.distortion:
        results['distortion'] = _distortion(evaluation.distortion)
    return results


def class_iou(confusion: ConfusionMatrix, classes: Sequence[str]) -> dict[str, float | None]:
    """Return IoU in per cent by class name."""
    return {name: _rounded(100 * value, 2) for name, value in zip(classes, confusion.iou(), strict=True)}


def miou_intervals(chosen: Mapping[int, Scores]) -> dict[str, list[float] | None]:
    """Return the interval of the mIoU at every distance, and of their mean, in per cent."""
    blocks = np.stack([scores.block_counts() for scores in chosen.values()], 1)  # (B, D, C, C)

    def ends(counts: NDArray[np.int64]) -> list[float] | None:
        low, high = interval(counts, lambda drawn: 100 * mean_iou(drawn).mean(-1))
        return [round(low, 2), round(high, 2)] if isfinite(low) else None

    return {str(d): ends(blocks[:, i : i + 1]) for i, d in enumerate(chosen)} | {'mean': ends(blocks)}


def _by_distance(values: Mapping[int, float], digits: int = 3) -> dict[str, float | None]:
    mean = sum(values.values()) / len(values)
    return {**{str(d): _rounded(v, digits) for d, v in values.items()}, 'mean': _rounded(mean, digits)}


def _interval(scores: Scores, cost: Cost | None, interval: int) -> dict[str, float | None]:
    figures = {
        'miou': _rounded(100 * scores.confusion.miou()),
        'boundary_f': _rounded(100 * scores.boundary.mean_f()),
        'consistency': _rounded(100 * scores.consistency.miou()),
    }
    if cost:
        ms, gmacs = cost.mean(interval)
        figures |= {'ms': _rounded(ms, 2), 'gmacs': _rounded(gmacs, 4)}
    return figures


def _cost(cost: Cost) -> dict[str, Any]:
    other = cost.other_ms.get('total')
    return {
        'key_ms': {stage: _rounded(value, 2) for stage, value in cost.key_ms.items()},
        'other_ms': {stage: _rounded(value, 2) for stage, value in cost.other_ms.items()},
        'key_gmacs': _rounded(cost.key_gmacs, 4),
        'other_gmacs': _rounded(cost.other_gmacs, 4),
        'ratio': None if other is None else _rounded(other / cost.key_ms['total'], 4),
    }


def _confidence(qualities: Mapping[int, MapQuality]) -> dict[str, Any]:
    pooled = sum(list(qualities.values())[1:], next(iter(qualities.values())))
    return {
        'ece': {**_by_distance({d: quality.expected_calibration_error() for d, quality in qualities.items()}, 4)}
        | {'all': _rounded(pooled.expected_calibration_error(), 4)},
        'auc': _by_distance({d: quality.auc() for d, quality in qualities.items()}, 4),
        'calibration': _tenths(pooled),
    }


def _tenths(quality: MapQuality) -> list[dict[str, float | None]]:
    return [
        {name: value if name == 'count' else _rounded(value, 5) for name, value in tenth.items()}
        for tenth in quality.calibration()
    ]


def _distortion(qualities: Mapping[int, MapQuality]) -> dict[str, Any]:
    pooled = sum(list(qualities.values())[1:], next(iter(qualities.values())))
    false, true = pooled.roc()
    # of thousands of thresholds keep those nearest to even steps along the curve
    places = np.unique(np.searchsorted(false + true, np.linspace(0, 2, ROC_POINTS)).clip(max=false.size - 1))
    return {
        'auc': _by_distance({d: quality.auc() for d, quality in qualities.items()}, 4),
        'average_precision': _by_distance({d: quality.average_precision() for d, quality in qualities.items()}, 4),
        'share_wrong': _by_distance({d: quality.share_wrong() for d, quality in qualities.items()}, 5),
        'calibration': _tenths(pooled),
        'roc': {
            'false_positive': [_rounded(value, 5) for value in false[places]],
            'true_positive': [_rounded(value, 5) for value in true[places]],
        },
    }


def rounded_streaming(scores: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    """Return ``streaming`` of ``results.json``: the figures of `davss_ros.evaluate.live.streaming_scores` by name."""
    return {name: {figure: _rounded(value) for figure, value in figures.items()} for name, figures in scores.items()}


def _rounded(value: float, digits: int = 3) -> float | None:
    return round(float(value), digits) if isfinite(value) else None  # JSON has no nan
