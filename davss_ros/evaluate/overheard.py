# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What the distortion network was asked about: its map tells of that, not of what came out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.core.frames import to_frame_size
from davss_ros.core.labels import merge
from davss_ros.core.model import Model
from davss_ros.networks.interface import Propagated


class OverheardDistortion:
    """Keeps what a model's distortion network was asked about last, alone or as part of the gate.

    Args:
        model: whose.
        working_height: of the frames, px.

    Attributes:
        model: the same, overheard.
    """

    def __init__(self, model: Model, working_height: int) -> None:
        self.model = replace(
            model,
            distortion=self._overhear(model.distortion),
            gate=self._overhear(model.gate) if model.gate is not None else None,
        )
        self._height = working_height
        self._propagated: Propagated | None = None

    def _overhear(self, network: Callable[..., Tensor]) -> Any:
        def call(propagated: Propagated, *others: Tensor) -> Tensor:
            self._propagated = propagated
            return network(propagated, *others)

        return call

    def labels(self, size: tuple[int, ...], working_height: int | None = None) -> NDArray[np.uint8]:
        """Return the labels (H, W) that were propagated, before anything was redone."""
        assert self._propagated is not None
        height = self._height if working_height is None else working_height
        labels = merge(self._propagated.scores, align_corners=self.model.align_corners)
        return to_frame_size(labels[0].cpu().numpy(), size, height)
