# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Triplets of frames, on which the published networks are trained (DAVSS, section IV-A).

A key frame, 2 to 10 frames later the labelled one, and one drawn between them. Where no frame of a clip has labels,
any frame may be the last.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from davss_ros.core.classes import VOID
from davss_ros.errors import DataError
from davss_ros.train.material.clips import Clip


@dataclass(frozen=True)
class Triplet:
    """A batch: images (N, 3, H, W) RGB in [0, 1], and the last one's labels (N, H, W) int64, all `VOID` if unknown."""

    key: Tensor
    middle: Tensor
    last: Tensor
    labels: Tensor


@dataclass(frozen=True)
class TripletSource:
    """Draws batches of triplets.

    Attributes:
        clips: where from.
        shortest: frames from the key frame to the last, at least 2.
        longest: the same, at most.
        batch: triplets in a batch.
        size: (height, width) of the views, multiples of 4; 0 takes the frames' own.
        seed: decides everything, with the epoch.
    """

    clips: Sequence[Clip]
    shortest: int
    longest: int
    batch: int
    size: tuple[int, int]
    seed: int

    def ends(self) -> list[tuple[int, int]]:
        """Return (clip, frame) of every frame that can be a last one.

        Raises:
            DataError: there are none.
        """
        found = []
        for number, clip in enumerate(self.clips):
            labelled = {at for at, labels in enumerate(clip.labels) if labels is not None}
            found += [(number, at) for at in range(self.shortest, len(clip.images)) if not labelled or at in labelled]
        if not found:
            raise DataError(f'clips: expected frames that follow {self.shortest} others, found none')
        return found

    def epoch(self, epoch: int) -> Iterator[Triplet]:
        """Yield one triplet for every possible last frame, in whole batches."""
        rng = np.random.default_rng((self.seed, epoch))
        ends = self.ends()
        order = rng.permutation(len(ends))
        for start in range(0, len(order) - self.batch + 1, self.batch):
            chosen = [ends[index] for index in order[start : start + self.batch]]
            drawn = [self._draw(clip, last, rng) for clip, last in chosen]
            images = torch.from_numpy(np.stack([views for views, _ in drawn], 1)).permute(0, 1, 4, 2, 3).float() / 255
            labels = torch.from_numpy(np.stack([ids for _, ids in drawn])).long()
            key, middle, last_one = (x.contiguous(memory_format=torch.channels_last) for x in images)
            yield Triplet(key, middle, last_one, labels)

    def _draw(self, clip: int, last: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return the three views (3, height, width, 3) and the last one's labels, cut and mirrored alike."""
        key = last - int(rng.integers(self.shortest, min(self.longest, last) + 1))
        middle = int(rng.integers(key + 1, last))
        images = np.stack([self.clips[clip].images[at] for at in (key, middle, last)])
        labels = self.clips[clip].labels[last]
        if labels is None:
            labels = np.full(images.shape[1:3], VOID, np.uint8)
        height, width = (wanted or side for wanted, side in zip(self.size, labels.shape, strict=True))
        top, left = (int(rng.integers(side - cut + 1)) for side, cut in zip(labels.shape, (height, width), strict=True))
        step = -1 if rng.random() < 0.5 else 1
        rows, columns = slice(top, top + height), slice(left, left + width)
        return images[:, rows, columns][:, :, ::step], labels[rows, columns][:, ::step]
