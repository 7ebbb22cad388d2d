# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What can be said to be wrong before a training starts, rather than hours later when a part comes to it."""

from pathlib import Path

from davss_ros.datasets.dataset import Dataset
from davss_ros.datasets.stills import LabelledImage
from davss_ros.datasets.turned import turned
from davss_ros.errors import DataError, WeightsError
from davss_ros.images.names import natural_order
from davss_ros.networks.resample import SCALE
from davss_ros.networks.weights import locate
from davss_ros.recordings.arguments import make_folder
from davss_ros.recordings.folder import FolderSource
from davss_ros.train.material.clips import video_labels
from davss_ros.train.material.motion import open_motion
from davss_ros.train.parts.key import START, teachers
from davss_ros.train.recipe import Recipe


def check_before(recipe: Recipe, part: str, data: Dataset) -> None:
    """Look at the folder for the results, the videos, the sizes of the stills, and what parts start from.

    Args:
        recipe: what will be done.
        part: of it, as the command names it.
        data: to be trained on.

    Raises:
        DataError: all that is wrong, a line each.
    """
    problems = [line for path in recipe.motion.videos for line in _video_problems(path, recipe, len(data.classes))]
    if _needs_motion(recipe, part):
        problems += _size_problems(recipe, data)
    problems += _start_problems(recipe) + _teacher_problems(recipe)
    if problems:
        raise DataError('\n'.join(problems))
    make_folder(recipe.out)


def _needs_motion(recipe: Recipe, part: str) -> bool:
    """Tell whether a part makes videos over the stills, which must then be of one size."""
    return part in ('samples', 'distortion', 'correction') or (
        part == 'export' and set(recipe.export.networks) != {'key'}
    )


def _start_problems(recipe: Recipe) -> list[str]:
    """Look for the checkpoints and models, not of this training, that parts start from."""
    parts = (*recipe.key_before, recipe.key, recipe.distortion, recipe.correction_coarse, recipe.correction)
    starts = (start for start in (getattr(part, 'start', None) for part in parts) if start is not None)
    problems = []
    for start in dict.fromkeys(start for start in starts if recipe.out not in start.parents):
        try:
            if start.suffix != '.pt':
                locate(str(start))
            elif not start.is_file():
                problems.append(f'start: {start}: no such checkpoint')
        except WeightsError as error:
            problems.append(f'start: {error}')
    return problems


def _teacher_problems(recipe: Recipe) -> list[str]:
    """Look for the models that key and light networks follow, where those are no networks of this training."""
    trained = [START]
    problems = []
    for part in (*recipe.key_before, recipe.key, *recipe.light_before, *filter(None, [recipe.light])):
        for name in teachers(part):
            try:
                if name not in trained:
                    locate(name)
            except WeightsError as error:
                place = f'{part.out.name}: teacher'
                problems.append(f'{place}: expected one of {", ".join(trained)} or a model: {error}')
        trained.append(part.out.name)
    return problems


def _size_problems(recipe: Recipe, data: Dataset) -> list[str]:
    sizes: dict[tuple[int, ...], Path] = {}
    for still in data.stills:
        sizes.setdefault(still.size(), still.image_path)
    found = ', '.join(f'{width}x{height} ({path.name})' for (height, width), path in list(sizes.items())[:3])
    if len(sizes) > 1 or any(side % SCALE for side in next(iter(sizes), ())):
        return [f'{recipe.general.data}: expected images of one size, sides multiples of {SCALE}, found {found}']
    return []


def _video_problems(path: Path, recipe: Recipe, classes: int) -> list[str]:
    """Open a video and read its first frame; of a folder with labels of its own read these."""
    try:
        source = open_motion(path, recipe.motion)
        next(iter(source))
    except DataError as error:
        return [f'videos: {error}']
    if not isinstance(source, FolderSource):
        return []
    problems = []
    for pair in sorted(
        filter(None, video_labels(source, path)), key=lambda labelled: natural_order(labelled.image_path)
    ):
        problems += [*turned(pair), *_label_problems(pair, classes)]
    return [f'videos: {line}' for line in problems]


def _label_problems(pair: LabelledImage, classes: int) -> list[str]:
    try:
        pair.labels(classes)
    except DataError as error:
        return [str(error)]
    return []
