# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from davss_ros.core.model import Model


@pytest.fixture(scope='session')
def distorted() -> Callable[[Model, float], Model]:
    """Give a model, with a gate or without, whose distortion map has that value everywhere."""

    def change(model: Model, value: float) -> Model:
        def everywhere(propagated: Any, image: Tensor) -> Tensor:
            return torch.full_like(image[:, :1], value)

        def gate(*inputs: Any) -> Tensor:
            assert model.gate is not None
            return torch.cat([everywhere(*inputs[:2]), model.gate(*inputs)[:, 1:]], 1)

        return replace(model, distortion=everywhere, gate=gate if model.gate is not None else None)

    return change
