# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Small networks in all the forms that people bring them in."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn


class Tiny(nn.Module):
    """Scores of 5 classes at 1/``stride`` of the image's size, each of a few pixels around."""

    def __init__(self, stride: int = 4, ending: str = '') -> None:
        super().__init__()
        torch.manual_seed(stride)
        self.body = nn.Conv2d(3, 8, 3, 1, 1)
        self.head = nn.Conv2d(8, 5, stride, stride)
        self.ending = ending

    def forward(self, image: Tensor) -> Tensor:
        if self.ending == 'nhwc':
            image = image.permute(0, 3, 1, 2)
        scores = 4 * self.head(torch.relu(self.body(image)))
        if self.ending == 'softmax':
            return scores.softmax(1)
        if self.ending == 'argmax':
            return scores.argmax(1)
        return scores.permute(0, 2, 3, 1) if self.ending == 'nhwc' else scores


@pytest.fixture
def tiny() -> Callable[..., nn.Module]:
    return lambda *settings, **named: Tiny(*settings, **named).eval()


@pytest.fixture
def described() -> dict[str, Any]:
    """What no run of such a network can tell."""
    preparation = {'scale': 1 / 255, 'mean': [0.485, 0.456, 0.406], 'std': [0.229, 0.224, 0.225], 'channels': 'rgb'}
    return {**preparation, 'classes': ['road', 'car', 'tree', 'sky', 'pole']}


@pytest.fixture
def prepared() -> Callable[[Tensor], Tensor]:
    """The values that ``described`` asks for, written plainly."""
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return lambda image: ((image.permute(0, 2, 3, 1) - mean) / std).permute(0, 3, 1, 2).contiguous()


@pytest.fixture
def image() -> Tensor:
    """Two pictures (2, 3, 100, 132)."""
    return torch.rand(2, 3, 100, 132, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def to_onnx(tmp_path: Path) -> Callable[..., Path]:
    """Write a module as ONNX: ``to_onnx(module, example, free=True, metadata={...})``."""
    onnx = pytest.importorskip('onnx')
    pytest.importorskip('onnxscript')

    def write(
        module: nn.Module, example: Tensor, *, free: bool = True, unit: int = 4, metadata: dict[str, str] | None = None
    ) -> Path:
        sides: dict[int, Any] = {0: torch.export.Dim('n', min=1, max=64)}
        spatial = (1, 2) if example.shape[3] == 3 else (2, 3)
        sides |= {axis: unit * torch.export.Dim(f's{axis}', min=1, max=512) for axis in spatial}
        path = tmp_path / 'net.onnx'
        torch.onnx.export(
            module,
            (example,),
            str(path),
            dynamo=True,
            dynamic_shapes=(sides,) if free else None,
            input_names=['image'],
            output_names=['scores'],
            external_data=False,
            verbose=False,
        )
        if metadata:
            model = onnx.load(str(path))
            onnx.helper.set_model_props(model, metadata)
            onnx.save(model, str(path))
        return path

    return write


@pytest.fixture
def run_onnx() -> Callable[[Path, Tensor], Sequence[Tensor]]:
    """Compute an ONNX file by ONNX Runtime itself."""
    runtime = pytest.importorskip('onnxruntime')

    def run(path: Path, image: Tensor) -> Sequence[Tensor]:
        session = runtime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
        outputs = session.run(None, {session.get_inputs()[0].name: image.numpy()})
        return [torch.from_numpy(output) for output in outputs]

    return run


@pytest.fixture
def beside() -> Callable[[Path, dict[str, Any]], None]:
    """Write a description beside a file."""

    def write(path: Path, values: dict[str, Any]) -> None:
        path.with_suffix('.json').write_text(json.dumps(values))

    return write
