# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What the distortion network was asked about: its map tells of that, not of what came out."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.core.frames import to_frame_size
from davss_ros.core.labels import merge
from davss_ros.core.model import Model
from davss_ros.networks.interface import Propagated


class OverheardDistortion:
    """A model's distortion network that keeps what it was asked about last.

    Args:
        model: whose.
        working_height: of the frames, px.
    """

    def __init__(self, model: Model, working_height: int) -> None:
        self._model = model
        self._height = working_height
        self._propagated: Propagated | None = None

    def __call__(self, propagated: Propagated, image: Tensor) -> Tensor:
        """See `davss_ros.networks.interface.DistortionNetwork`."""
        self._propagated = propagated
        return self._model.distortion(propagated, image)

    def labels(self, size: tuple[int, ...], working_height: int | None = None) -> NDArray[np.uint8]:
        """Return the labels (H, W) that were propagated, before anything was redone."""
        assert self._propagated is not None
        height = self._height if working_height is None else working_height
        labels = merge(self._propagated.scores, align_corners=self._model.align_corners)
        return to_frame_size(labels[0].cpu().numpy(), size, height)
