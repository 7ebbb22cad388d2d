# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Whether a network is crop-safe: a part of a frame gets the labels that it has in the whole frame.

Only then can it redo windows (`davss_ros.core.windows`). Networks with attention over the whole frame, or a pooling of
all of it, may not be; a run tells.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from davss_ros.networks.interface import KeyNetwork
from davss_ros.networks.resample import SCALE

WINDOW = (28, 32)  # 1/4-size pixels, those of a window with its margin
MARGIN = 2  # 1/4-size pixels of it that do not count
APART = 14  # 1/4-size pixels from window to window, at least
ENOUGH = 0.85  # likeness; the shipped key network has 0.89 on streets that it was not made for and 0.97 on CamVid


class CropAgreement(NamedTuple):
    """How much windows agree with the whole frame."""

    likeness: float  # mean cosine of the scores of a pixel, each less their mean; 1: the same
    labels: float  # share that is the same

    @property
    def safe(self) -> bool:
        """By the scores: where nothing is sure, as on a picture of another kind, labels flip for nothing."""
        return self.likeness >= ENOUGH


def crop_agreement(key: KeyNetwork, image: Tensor) -> CropAgreement:
    """Return how much windows all over ``image`` agree with the whole of it.

    Args:
        key: the network.
        image: (1, 3, H, W) RGB in [0, 1], sides multiples of 4, larger than a window.
    """
    with torch.inference_mode():
        whole = key(image)
        (height, width), inside = WINDOW, slice(MARGIN, -MARGIN)
        places = [(t, x) for t in _starts(whole.shape[2], height) for x in _starts(whole.shape[3], width)]
        parts = torch.cat(
            [image[:, :, SCALE * t : SCALE * (t + height), SCALE * x : SCALE * (x + width)] for t, x in places]
        )
        own = torch.cat([key(part.contiguous()) for part in parts.split(4)])[:, :, inside, inside]
        others = torch.cat([whole[:, :, t : t + height, x : x + width] for t, x in places])[:, :, inside, inside]
        likeness = F.cosine_similarity(own - own.mean(1, keepdim=True), others - others.mean(1, keepdim=True))
        return CropAgreement(float(likeness.mean()), float((own.argmax(1) == others.argmax(1)).float().mean()))


def _starts(length: int, side: int) -> list[int]:
    """Return where windows of that ``side`` begin, from end to end."""
    count = max(1, round((length - side) / APART) + 1)
    return [round(i * (length - side) / max(1, count - 1)) for i in range(count)]
