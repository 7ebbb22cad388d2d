# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What settings are chosen by: short clips, one key frame each, with what is true of every frame.

Two kinds, as no clip alone can be trusted:

- stills of a drive that the key network was not trained on, set in motion: the labels are true, the motion is not;
- videos without labels: the motion is true, and for truth stand the key network's own labels of every frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.model import Model
from davss_ros.datasets.stills import LabelledImage
from davss_ros.errors import DataError
from davss_ros.recordings.bag_files import is_bag
from davss_ros.recordings.open import open_source
from davss_ros.train.material.clips import Clip
from davss_ros.train.material.scene import scene_classes
from davss_ros.train.material.synthetic import synthetic_video
from davss_ros.yaml_file import user_path


@dataclass(frozen=True)
class ChoosingSet:
    """Clips of one kind and the model that is tried on them.

    Attributes:
        name: in the table.
        clips: each of the key frame and those after it; a frame without labels has the key network's for true.
        model: its networks; what a setting changes is how they are used.
    """

    name: str
    clips: Sequence[Clip]
    model: Model


def moved_stills(name: str, stills: Sequence[LabelledImage], model: Model, longest: int, seed: int = 0) -> ChoosingSet:
    """Return a synthetic video of ``longest`` + 1 frames over each of ``stills``, with their labels moved along.

    Raises:
        DataError: there are none.
    """
    if not stills:
        raise DataError(f'{name}: expected labelled images to set in motion, found none')
    pairs = [(still.image(), still.labels(len(model.classes))) for still in stills]
    roles = scene_classes(model.classes)
    clips = []
    for number, (image, labels) in enumerate(pairs):
        rng = np.random.default_rng((seed, number))
        frames = synthetic_video(image, labels, pairs, longest + 1, rng, roles).frames
        clips.append(Clip([frame for frame, _ in frames], [ids for _, ids in frames]))
    return ChoosingSet(name, clips, model)


def video_pieces(
    paths: Sequence[Path], model: Model, longest: int, most: int = 0, topic: str = '', after: float = 0.0
) -> ChoosingSet:
    """Return the pieces of ``longest`` + 1 frames that videos without labels fall into.

    Args:
        paths: videos, image folders or bags; the set is named after them.
        model: segments every frame, for truth.
        longest: distance from the key frame.
        most: pieces of each, evenly spread; 0: all.
        topic: of those that are bags with several cameras.
        after: how much of each is left out, from its beginning: 0 to less than 1.

    Raises:
        DataError: one is unreadable, or what is not left out of it is shorter than a piece.
    """
    clips = []
    for path in paths:
        clips += _pieces(path, longest + 1, most, topic if is_bag(user_path(path)) else '', after)
    return ChoosingSet(', '.join(path.stem for path in paths), clips, model)


def _pieces(path: Path, length: int, most: int, topic: str, after: float) -> list[Clip]:
    """Return pieces of a video, which is read through twice, so that only these are kept."""
    frames = sum(1 for _ in open_source(path, topic=topic))
    first = round(after * frames)  # what the gate saw ends here, see `MotionSettings.share`
    pieces = (frames - first) // length
    if not pieces:
        raise DataError(f'{path}: expected at least {length} frames after the first {first}, found {frames - first}')
    chosen = np.linspace(0, pieces - 1, min(most or pieces, pieces)).round().astype(int)
    images: dict[int, list[NDArray[np.uint8]]] = {int(piece): [] for piece in chosen}
    for number, frame in enumerate(open_source(path, topic=topic)):
        if (piece := (number - first) // length) in images:
            images[piece].append(frame.image)
    return [Clip(own, [None] * length) for own in images.values()]
