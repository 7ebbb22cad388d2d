# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Samples for training the distortion and correction networks: what propagation gives, and what would be right.

They are made once, by the very flow and propagation that will be used, and kept in memory-mapped arrays. Sources are
synthetic videos over the labelled stills, and real videos without labels, where the key network is the teacher.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from davss_ros.core.classes import VOID
from davss_ros.core.labels import merge_sparse
from davss_ros.core.propagation import PROPAGATIONS
from davss_ros.datasets.stills import LabelledImage, labelled_images
from davss_ros.errors import DataError
from davss_ros.images.bit_depth import AUTO
from davss_ros.networks.interface import FlowNetwork, KeyNetwork, Propagated
from davss_ros.networks.resample import SCALE, down
from davss_ros.recordings.bag_files import is_bag
from davss_ros.recordings.frame import FrameSource
from davss_ros.recordings.open import open_source
from davss_ros.train.material.augment import fit_to
from davss_ros.train.material.scene import SceneClasses
from davss_ros.train.material.synthetic import SceneMotion, synthetic_video
from davss_ros.train.runs import identity

log = logging.getLogger(__name__)
NOTE = 'made_of.json'
ARRAYS = ('image', 'labels', 'scores', 'propagated_image', 'teacher', 'wrong', 'distance')


@dataclass(frozen=True)
class MotionSamples:
    """S samples; h and w are a quarter of H and W."""

    image: NDArray[np.uint8]  # (S, H, W, 3), the current frame
    labels: NDArray[np.uint8]  # (S, H, W), void where there are none
    scores: NDArray[np.float16]  # (S, C, h, w), propagated from the key frame
    propagated_image: NDArray[np.float16]  # (S, 3, h, w)
    teacher: NDArray[np.float16]  # (S, C, h, w), the key network's on the current frame
    wrong: NDArray[np.float16]  # (S, h, w), share of each 4x4 block whose propagated label is not the key network's
    distance: NDArray[np.int64]  # (S,), frames from the key frame
    made_of: str = ''  # see `davss_ros.train.runs.identity`

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True)
class MotionSettings:
    """What samples to make."""

    stills: Path
    videos: tuple[Path, ...] = ()
    rounds: int = 2  # synthetic videos over each still
    longest: int = 9  # distance
    samples_per_video: int = 3
    stride: int = 4  # frames between the starts of real clips
    share: float = 1.0  # of every video, from its beginning; see `GateTraining.share`
    roles: SceneClasses = SceneClasses()  # noqa: RUF009  # immutable
    scene: SceneMotion = SceneMotion()  # noqa: RUF009  # immutable
    seed: int = 0
    topic: str = ''  # of those videos that are bags, see `open_source`
    strict: bool = False
    bit_depth: int | str = AUTO


def make_samples(
    settings: MotionSettings,
    key: KeyNetwork,
    flow: FlowNetwork,
    propagation: str,
    classes: int,
    progress: Callable[[str], None] = log.info,
    stills: Sequence[LabelledImage] | None = None,
) -> MotionSamples:
    """Make the samples; deterministic by seed. ``stills`` replaces those of the folder ``settings.stills``.

    Raises:
        DataError: the stills differ in size, or something cannot be read.
    """
    rows: list[_Row] = []
    for number, (frames, rng) in enumerate(_clips(settings, classes, stills)):
        distances = rng.choice(np.arange(1, len(frames)), min(settings.samples_per_video, len(frames) - 1), False)
        rows.extend(_samples_of(frames, set(distances.tolist()), key, flow, propagation))
        if number % 50 == 49:
            progress(f'{number + 1} clips, {len(rows)} samples')
    if not rows:
        raise DataError(
            f'{settings.stills}: expected motion to make samples of, found none; see `rounds` and `longest`'
        )
    columns: Any = (np.stack(column) for column in zip(*rows, strict=True))
    return MotionSamples(**dict(zip(ARRAYS, columns, strict=True)))


def save_samples(samples: MotionSamples, folder: Path, made_of: Mapping[str, object]) -> None:
    """Write every array to ``folder``; the last file written, which says what made them, marks them complete.

    Raises:
        DataError: they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ARRAYS:
            np.save(folder / f'{name}.npy', getattr(samples, name))
        partial = folder / 'made_of.partial'
        identity.write_note(partial, made_of)
        partial.replace(folder / NOTE)
    except OSError as error:  # numpy's of a full disk names neither file nor reason
        raise DataError(f'{folder}: cannot be written to: {error.strerror or error}') from error


def load_samples(folder: Path, made_of: Mapping[str, object]) -> MotionSamples | None:
    """Return what `save_samples` wrote, memory-mapped, or None.

    Raises:
        DataError: they were made of something else, or are damaged.
    """
    if not (folder / NOTE).is_file():
        return None
    identity.check_note(folder / NOTE, made_of)
    try:
        arrays = {name: np.load(folder / f'{name}.npy', mmap_mode='r') for name in ARRAYS}
    except (OSError, ValueError) as error:
        raise DataError(f'{folder}: damaged: {error}; delete it') from error
    return MotionSamples(**arrays, made_of=identity.of_text((folder / NOTE).read_text()))


def open_motion(path: Path, settings: MotionSettings) -> FrameSource:
    """Open one of the videos; `DataError` if it cannot be read."""
    topic = settings.topic if is_bag(path.expanduser()) else ''
    return open_source(path, topic=topic, strict=settings.strict, bit_depth=settings.bit_depth)


def video_frames(settings: MotionSettings, count: int, size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Return frames of the videos, ``count`` of each or all it has, evenly over its first ``share``.

    Each is (H, W, 3) uint8 RGB of ``size`` (height, width), see `fit_to`.

    Raises:
        DataError: a video cannot be read.
    """
    chosen: list[NDArray[np.uint8]] = []
    for path in settings.videos if count else ():
        seen = frame_count(path, settings)
        wanted = {i * seen // count for i in range(count)} if seen > count else set(range(seen))
        frames = enumerate(islice(open_motion(path, settings), seen))
        chosen += [fit_to(frame.image, size) for number, frame in frames if number in wanted]
    return chosen


def frame_count(path: Path, settings: MotionSettings) -> int:
    """Return how many frames the first ``share`` of a video has; it is read through, as few say."""
    return round(settings.share * sum(1 for _ in open_motion(path, settings)))


def _fitted(path: Path, settings: MotionSettings, size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Return the first ``share`` of a video's frames, in ``size``."""
    seen = frame_count(path, settings)
    return [fit_to(frame.image, size) for frame in islice(open_motion(path, settings), seen)]


_Frame = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # image, labels
_Row = tuple[NDArray[Any] | np.int64, ...]  # one sample, in the order of ARRAYS


def _clips(
    settings: MotionSettings, classes: int, labelled: Sequence[LabelledImage] | None
) -> Iterator[tuple[list[_Frame], np.random.Generator]]:
    pairs = labelled_images(settings.stills) if labelled is None else labelled
    stills = [(s.image(), s.labels(classes)) for s in pairs]
    if not stills:
        raise DataError(f'{settings.stills}: expected labelled images to set in motion, found none')
    size = stills[0][1].shape[0], stills[0][1].shape[1]  # of all samples; videos are fitted to it
    odd = [image.shape[:2] for image, _ in stills if image.shape[:2] != size]
    if odd or size[0] % SCALE or size[1] % SCALE:
        raise DataError(f'{settings.stills}: expected one size, a multiple of {SCALE}, found {[size, *odd][:3]}')
    for turn in range(settings.rounds):
        for index, (image, labels) in enumerate(stills):
            rng = np.random.default_rng((settings.seed, turn, index))
            length, roles, scene = settings.longest + 1, settings.roles, settings.scene
            yield synthetic_video(image, labels, stills, length, rng, roles, scene).frames, rng
    for video, path in enumerate(settings.videos):
        frames = _fitted(path, settings, size)
        if len(frames) <= settings.longest:
            log.warning('%s: no samples: %d frames, for %d are needed', path, len(frames), settings.longest + 1)
        unlabelled: NDArray[np.uint8] = np.full(size, VOID, np.uint8)
        for start in range(0, len(frames) - settings.longest, settings.stride):
            rng = np.random.default_rng((settings.seed, 10**6 + video, start))
            clip: list[_Frame] = [(image, unlabelled) for image in frames[start : start + settings.longest + 1]]
            yield (clip if rng.random() < 0.5 else [(i[:, ::-1].copy(), m) for i, m in clip]), rng


def _samples_of(
    frames: list[_Frame], distances: set[int], key: KeyNetwork, flow: FlowNetwork, propagation: str
) -> Iterator[_Row]:
    with torch.inference_mode():
        previous = to_tensor(frames[0][0])
        carrying = PROPAGATIONS[propagation](Propagated(key(previous), down(previous)))
        for distance, (image, labels) in enumerate(frames[1 : max(distances) + 1], 1):
            now = to_tensor(image)
            propagated = carrying.advance(flow(now, previous))
            previous = now
            if distance in distances:
                teacher = key(now)
                wrong = merge_sparse(propagated.scores) != merge_sparse(teacher)
                yield (
                    image,
                    labels,
                    propagated.scores[0].half().numpy(),
                    propagated.image[0].half().numpy(),
                    teacher[0].half().numpy(),
                    F.avg_pool2d(wrong.float(), SCALE)[0].half().numpy(),
                    np.int64(distance),
                )


def to_tensor(image: NDArray[np.uint8]) -> Tensor:
    """Return (1, 3, H, W) in [0, 1] of (H, W, 3) RGB."""
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    return pixels.contiguous(memory_format=torch.channels_last)
