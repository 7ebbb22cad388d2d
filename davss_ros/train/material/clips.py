# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Consecutive frames to train on from end to end: synthetic videos over labelled stills, and real ones.

A real video that is a folder with ``labels/`` beside ``images/`` has the labels found there, for however few frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from davss_ros.datasets.coding import ClassIds, IdsOrColors, LabelCoding
from davss_ros.datasets.dataset import Dataset
from davss_ros.datasets.sequence import VideoSequence
from davss_ros.datasets.stills import LabelledImage, labelled_images
from davss_ros.errors import DataError
from davss_ros.images.labels import LABEL_SUFFIXES
from davss_ros.images.names import visible_files
from davss_ros.networks.resample import SCALE
from davss_ros.recordings.folder import FolderSource
from davss_ros.train.material.augment import fit_to
from davss_ros.train.material.motion import MotionSettings, open_motion
from davss_ros.train.material.scene import Image
from davss_ros.train.material.synthetic import synthetic_video
from davss_ros.yaml_file import user_path


@dataclass(frozen=True)
class Clip:
    """T consecutive frames of one video.

    Attributes:
        images: (H, W, 3) uint8 RGB each.
        labels: (H, W) uint8 each, `VOID` where there is none; None for a frame without any.
    """

    images: Sequence[Image]
    labels: Sequence[Image | None]


def load_clips(settings: MotionSettings, classes: int, dataset: Dataset | None = None) -> list[Clip]:
    """Return ``rounds`` synthetic videos over every still and the real videos, whole, all of the stills' size.

    Args:
        settings: which ones.
        classes: number of classes.
        dataset: its stills replace those of the folder ``settings.stills``, and its sequences are videos, too.

    Raises:
        DataError: the stills differ in size, or something cannot be read.
    """
    pairs = dataset.stills if dataset else tuple(labelled_images(settings.stills))
    stills = [(pair.image(), pair.labels(classes)) for pair in pairs]
    sizes = {image.shape[:2] for image, _ in stills}
    size = sizes.pop()
    if sizes or size[0] % SCALE or size[1] % SCALE:
        found = ', '.join(f'{width}x{height}' for height, width in [size, *sizes][:3])
        raise DataError(f'{settings.stills}: expected images of one size, sides multiples of {SCALE}, found {found}')
    clips = []
    for turn in range(settings.rounds):
        for index, (image, labels) in enumerate(stills):
            rng = np.random.default_rng((settings.seed, turn, index))
            video = synthetic_video(
                image, labels, stills, settings.longest + 1, rng, settings.roles, settings.scene
            ).frames
            clips.append(Clip([frame for frame, _ in video], [ids for _, ids in video]))
    frame_size = size[0], size[1]
    coding = IdsOrColors(dataset.classes) if dataset else ClassIds()
    clips += [_real(path, settings, frame_size, classes, coding) for path in settings.videos]
    return clips + [_sequence(sequence, frame_size, classes) for sequence in (dataset.sequences if dataset else ())]


def video_labels(source: FolderSource, path: Path, coding: LabelCoding) -> list[LabelledImage | None]:
    """Return the labels in a video's own ``labels/``, one for each of its images, None where there are none."""
    folder = user_path(path) / 'labels'
    found = {path.stem: path for path in visible_files(folder, LABEL_SUFFIXES)} if folder.is_dir() else {}
    return [LabelledImage(image, found[image.stem], coding) if image.stem in found else None for image in source.paths]


def _real(path: Path, settings: MotionSettings, size: tuple[int, int], classes: int, coding: LabelCoding) -> Clip:
    """Return a video; what cannot be read is skipped, as `open_source` says."""
    source = open_motion(path, settings)
    if not isinstance(source, FolderSource):
        images = [fit_to(frame.image, size) for frame in source]
        return Clip(images, [None] * len(images))
    images, labels = [], []
    pairs = dict(zip(source.paths, video_labels(source, path, coding), strict=True))
    for frame, image_path in source.named():
        pair = pairs[image_path]
        images.append(fit_to(frame.image, size))
        labels.append(None if pair is None else fit_to(pair.labels(classes), size, True))
    return Clip(images, labels)


def _sequence(sequence: VideoSequence, size: tuple[int, int], classes: int) -> Clip:
    images = [fit_to(frame.image, size) for frame in sequence]
    pairs = [frame.labelled for frame in sequence.frames]
    return Clip(images, [fit_to(pair.labels(classes), size, True) if pair else None for pair in pairs])
