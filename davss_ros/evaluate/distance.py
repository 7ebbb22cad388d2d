"""PDA: accuracy against the distance from the key frame (DAVSS, section IV-B).

For every labelled frame and every distance d the key frame lies d frames before it; all distances are measured on the
same frames.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.evaluate.confusion import ConfusionMatrix

Image = NDArray[np.uint8]
MODES = ('hold', 'flow', 'correct_all', 'davss')


@dataclass(frozen=True)
class DistanceCurve:
    """Confusion of one mode at every distance."""

    mode: str
    confusion: dict[int, ConfusionMatrix]  # distance -> counts; per_frame has 0 only

    def miou(self) -> dict[int, float]:
        """Return mIoU in per cent for every distance."""
        return {d: 100 * matrix.miou() for d, matrix in self.confusion.items()}


def distance_curves(
    frames: Sequence[tuple[Image, Image]],
    model: Model,
    config: SegmenterConfig,
    distances: Sequence[int],
    modes: Sequence[str] = MODES,
    progress: Callable[[], object] = lambda: None,
) -> dict[str, DistanceCurve]:
    """Return the curve of every mode, and of ``per_frame`` at distance 0.

    Args:
        frames: consecutive (image, labels), (H, W, 3) and (H, W) uint8, all labelled.
        model: the networks.
        config: settings; mode and key interval are overridden.
        distances: all at least 1.
        modes: which to measure; without any, the frames need not be consecutive.
        progress: called after every single frame, and after every run through the distances.
    """
    longest = max(distances) if modes else 0
    if len(frames) <= longest:
        raise ValueError(f'frames: expected more than the longest distance {longest}, found {len(frames)}')
    classes = len(model.classes)
    shared = replace(model, key=_Memory(model.key), flow=_Memory(model.flow))
    curves = {'per_frame': DistanceCurve('per_frame', {0: ConfusionMatrix(classes)})}
    single = VideoSegmenter(replace(config, mode='per_frame'), model=shared)
    for image, labels in frames[longest:]:
        curves['per_frame'].confusion[0].add(single.step(image).labels, labels)
        progress()
    for mode in modes:
        curve = DistanceCurve(mode, {d: ConfusionMatrix(classes) for d in sorted(distances)})
        segmenter = VideoSegmenter(replace(config, mode=mode, key_interval=longest + 1), model=shared)
        for start in range(len(frames) - 1):
            segmenter.reset()
            for distance, (image, labels) in enumerate(frames[start : start + longest + 1]):
                result = segmenter.step(image)
                if distance in curve.confusion and start + distance >= longest:
                    curve.confusion[distance].add(result.labels, labels)
            progress()
        curves[mode] = curve
    return curves


class _Memory:
    """A network that remembers what it gave: frames come up again in every mode and at every distance."""

    def __init__(self, network: Callable[..., Tensor]) -> None:
        self._network = network
        self._known: dict[bytes, Tensor] = {}

    def __call__(self, image: Tensor, previous: Tensor | None = None) -> Any:
        images = (image,) if previous is None else (image, previous)
        digest = hashlib.blake2b(digest_size=16)
        for one in images:
            digest.update(one.cpu().contiguous().numpy().tobytes())
        name = digest.digest()
        if name not in self._known:
            self._known[name] = self._network(*images)
        return self._known[name]
