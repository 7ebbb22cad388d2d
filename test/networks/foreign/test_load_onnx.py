"""ONNX files as people have them: what is found out, from where, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from davss_ros.errors import ConfigError, WeightsError
from davss_ros.networks.foreign.load import Foreign, load_foreign
from davss_ros.networks.foreign.source import ForeignSource

onnx = pytest.importorskip('onnx')

from test.networks.foreign.conftest import NAMES, TOLD  # noqa: E402

_Make = Callable[..., Any]
IMAGE = torch.rand(2, 3, 100, 132, generator=torch.Generator().manual_seed(3))


def prepared(image: Tensor) -> NDArray[np.float32]:
    """Values as most networks take them, written plainly."""
    array = image.numpy().transpose(0, 2, 3, 1)
    array = (array - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return array.transpose(0, 3, 1, 2).astype(np.float32)


def loaded(path: Path, run: Any, **given: str) -> Foreign:
    return load_foreign(ForeignSource('onnx', path), run, **given)


def scores_of(foreign: Foreign, run: Any, image: Tensor = IMAGE) -> Tensor:
    return foreign.network.after(*run(foreign.network.file, *foreign.network.before(image)))
