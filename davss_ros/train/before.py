# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What can be said to be wrong before a training starts, rather than hours later when a part comes to it."""

from collections.abc import Sequence
from pathlib import Path

from davss_ros.datasets.coding import IdsOrColors
from davss_ros.datasets.dataset import Dataset
from davss_ros.datasets.drives import halves
from davss_ros.datasets.stills import LabelledImage
from davss_ros.datasets.turned import turned
from davss_ros.errors import DataError
from davss_ros.images.names import natural_order
from davss_ros.networks.registry import build
from davss_ros.networks.resample import SCALE
from davss_ros.recordings.arguments import make_folder
from davss_ros.recordings.folder import FolderSource
from davss_ros.train.material.clips import video_labels
from davss_ros.train.material.motion import open_motion
from davss_ros.train.networks_before import network_problems
from davss_ros.train.recipe import Recipe


def check_before(recipe: Recipe, part: str, data: Dataset, left_out: Sequence[LabelledImage] = ()) -> None:
    """Look at the folder for the results, the videos, the sizes of the stills, and what parts are and start from.

    Args:
        recipe: what will be done.
        part: of it, as the command names it.
        data: to be trained on.
        left_out: stills that the gate is trained on.

    Raises:
        DataError: all that is wrong, a line each.
    """
    problems = [line for path in recipe.motion.videos for line in _video_problems(path, recipe, data)]
    if _needs_motion(recipe, part) or (part == 'gate' and left_out):
        problems += _size_problems(recipe, (*data.stills, *left_out))
    if recipe.gate is not None and left_out and not halves(left_out, recipe.gate.share)[0]:
        found = f'{recipe.gate.share:g} of {len(left_out)}'
        problems.append(f'gate: share: expected some of the stills that are left out, found {found}, which is none')
    problems += network_problems(recipe, len(data.classes))
    if problems:
        raise DataError('\n'.join(problems))
    make_folder(recipe.out)


def _needs_motion(recipe: Recipe, part: str) -> bool:
    """Tell whether a part makes videos over the stills, which must then be of one size."""
    if part == 'flow':
        return bool(build('flow', recipe.flow.network, 0).state_dict())
    return part in ('samples', 'distortion', 'correction') or (
        part == 'export' and set(recipe.export.networks) != {'key'}
    )


def _size_problems(recipe: Recipe, stills: Sequence[LabelledImage]) -> list[str]:
    sizes: dict[tuple[int, ...], Path] = {}
    for still in stills:
        sizes.setdefault(still.size(), still.image_path)
    found = ', '.join(f'{width}x{height} ({path.name})' for (height, width), path in list(sizes.items())[:3])
    if len(sizes) > 1 or any(side % SCALE for side in next(iter(sizes), ())):
        return [f'{recipe.general.data}: expected images of one size, sides multiples of {SCALE}, found {found}']
    return []


def _video_problems(path: Path, recipe: Recipe, data: Dataset) -> list[str]:
    """Open a video and read its first frame; of a folder with labels of its own read these."""
    try:
        source = open_motion(path, recipe.motion)
        next(iter(source))
    except DataError as error:
        return [f'videos: {error}']
    if not isinstance(source, FolderSource):
        return []
    problems = []
    found = filter(None, video_labels(source, path, IdsOrColors(data.classes)))
    for pair in sorted(found, key=lambda labelled: natural_order(labelled.image_path)):
        problems += [*turned(pair), *_label_problems(pair, len(data.classes))]
    return [f'videos: {line}' for line in problems]


def _label_problems(pair: LabelledImage, classes: int) -> list[str]:
    try:
        pair.labels(classes)
    except DataError as error:
        return [str(error)]
    return []
