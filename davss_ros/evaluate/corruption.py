# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""mIoU on worse pictures: what cameras do to them, mildly and severely.

The kinds and two severities follow ImageNet-C (Hendrycks and Dietterich, ICLR 2019) as far as nothing moves, so that
the labels stay true. Noise depends on the number of the frame only: the same frames are disturbed alike every time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.evaluate.distance import distance_curves
from davss_ros.evaluate.videos import EvaluationFrame, Video

Image = NDArray[np.uint8]
SEVERITIES = ('mild', 'severe')


def exposed(image: Image, stops: float) -> Image:
    """Return (H, W, 3) uint8 with so many stops more light, cut off where it is too much."""
    return _pixels(image.astype(np.float32) * 2.0**stops)


def tinted(image: Image, gain: float) -> Image:
    """Return the image with red times ``gain`` and blue divided by it."""
    return _pixels(image * np.array([gain, 1, 1 / gain], np.float32))


def defocused(image: Image, sigma: float) -> Image:
    """Return the image blurred by a Gaussian, ``sigma`` in px."""
    return _pixels(cv2.GaussianBlur(image, (0, 0), sigma))


def smeared(image: Image, length: int) -> Image:
    """Return the image as a camera that turned ``length`` px (odd) sideways takes it."""
    return _pixels(cv2.blur(image, (length, 1)))


def shrunk(image: Image, by: float) -> Image:
    """Return the image of a sensor ``by`` times as coarse, brought to size."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(1, round(width / by)), max(1, round(height / by))), interpolation=cv2.INTER_AREA)
    return _pixels(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def noisy(image: Image, deviation: float, number: int = 0) -> Image:
    """Return the image with Gaussian noise, in grey levels, of frame ``number``."""
    noise = np.random.default_rng(number).standard_normal(image.shape, np.float32)
    return _pixels(image + noise * np.float32(deviation))


def compressed(image: Image, quality: int) -> Image:
    """Return the image out of a JPEG of that quality."""
    _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None  # what was just encoded
    return _pixels(decoded)


def _pixels(values: NDArray[Any]) -> Image:
    return np.clip(values, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Corruption:
    """A kind of fault, mild and severe."""

    fault: Callable[..., Image]
    mild: float
    severe: float
    by_frame: bool = False  # whether the fault takes the number of the frame, too

    def of(self, image: Image, severity: str, number: int) -> Image:
        """Return frame ``number`` with this fault; ``severity`` is one of `SEVERITIES`."""
        strength = getattr(self, severity)
        return self.fault(image, strength, number) if self.by_frame else self.fault(image, strength)


CORRUPTIONS: Mapping[str, Corruption] = {
    'overexposed': Corruption(exposed, 0.5, 1.2),  # stops
    'underexposed': Corruption(exposed, -1.0, -2.5),
    'colour cast': Corruption(tinted, 1.1, 1.3),  # gain
    'defocus': Corruption(defocused, 1.0, 2.5),  # px
    'motion blur': Corruption(smeared, 5, 11),  # px
    'coarse sensor': Corruption(shrunk, 1.5, 3.0),  # times
    'noise': Corruption(noisy, 8.0, 25.0, by_frame=True),  # grey levels
    'compression': Corruption(compressed, 30, 10),  # quality
}


def corrupted(videos: Sequence[Video], kind: str, severity: str) -> list[Video]:
    """Return the videos with a fault of `CORRUPTIONS` on every frame; labels stay."""
    return [[_disturbed(frame, kind, severity, number) for number, frame in enumerate(video)] for video in videos]


def _disturbed(frame: EvaluationFrame, kind: str, severity: str, number: int) -> EvaluationFrame:
    image = frame.image
    return replace(frame, image=lambda: CORRUPTIONS[kind].of(image(), severity, number))


def corruption_scores(
    videos: Sequence[Video],
    model: Model,
    config: SegmenterConfig,
    distance: int,
    progress: Callable[[Sequence[tuple[str, str]]], Iterator[tuple[str, str]]] = iter,
) -> dict[str, Any]:
    """Return mIoU in per cent under every corruption, ready for JSON.

    ``clean``, ``<kind>.mild``, ``<kind>.severe`` and ``mean.mild``, ``mean.severe``: each of ``per_frame``, the key
    network on every frame, and of ``davss`` at ``distance``; 0 for unrelated images, and no ``davss``.

    Args:
        videos: labelled.
        model: the networks.
        config: settings.
        distance: from the key frame.
        progress: wraps the pairs of kind and severity, like `tqdm.tqdm`.
    """
    score = partial(_miou, model=model, config=config, distance=distance)
    scores: dict[str, Any] = {'distance': distance, 'clean': score(videos)}
    pairs = [(kind, severity) for kind in CORRUPTIONS for severity in SEVERITIES]
    for kind, severity in progress(pairs):
        scores.setdefault(kind, {})[severity] = score(corrupted(videos, kind, severity))
    scores['mean'] = {
        severity: {
            mode: round(float(np.mean([scores[kind][severity][mode] for kind in CORRUPTIONS])), 2)
            for mode in scores['clean']
        }
        for severity in SEVERITIES
    }
    return scores


def _miou(videos: Sequence[Video], model: Model, config: SegmenterConfig, distance: int) -> dict[str, float]:
    modes = ['davss'] if distance else []
    curves = distance_curves(videos, model, config, [distance] if distance else [], modes).curves
    at = {'per_frame': 0, 'davss': distance}
    return {mode: round(100 * curve.at[at[mode]].confusion.miou(), 2) for mode, curve in curves.items()}
