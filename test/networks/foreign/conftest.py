"""Small networks in all the forms that people bring them in."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

CLASSES = 5
NAMES = ['road', 'car', 'tree', 'sky', 'pole']
PREPARED = {'scale': 1 / 255, 'mean': [0.485, 0.456, 0.406], 'std': [0.229, 0.224, 0.225], 'channels': 'rgb'}
TOLD = {**PREPARED, 'classes': NAMES}


class Tiny(nn.Module):
    """Scores at 1/``stride`` of the image's size, each of a few pixels around."""

    def __init__(self, stride: int = 4, classes: int = CLASSES, ending: str = '') -> None:
        super().__init__()
        torch.manual_seed(stride)
        self.body = nn.Conv2d(3, 8, 3, 1, 1)
        self.head = nn.Conv2d(8, classes, stride, stride)
        self.ending = ending

    def forward(self, image: Tensor) -> Tensor:
        scores = 4 * self.head(torch.relu(self.body(image)))
        if self.ending == 'softmax':
            return scores.softmax(1)
        if self.ending == 'argmax':
            return scores.argmax(1)
        return scores.permute(0, 2, 3, 1) if self.ending == 'nhwc' else scores


@pytest.fixture
def tiny() -> Callable[..., nn.Module]:
    return lambda *given, **named: Tiny(*given, **named).eval()


@pytest.fixture
def to_onnx(tmp_path: Path) -> Callable[..., Path]:
    """Write a module as ONNX: ``to_onnx(module, size=(64, 96), free=True, metadata={...})``."""
    onnx = pytest.importorskip('onnx')
    pytest.importorskip('onnxscript')

    def write(
        module: nn.Module,
        size: tuple[int, int] = (64, 96),
        *,
        free: bool = True,
        unit: int = 4,
        metadata: dict[str, str] | None = None,
        name: str = 'net.onnx',
    ) -> Path:
        sides = {0: torch.export.Dim('n', min=1, max=64)}
        sides |= {axis: unit * torch.export.Dim(f's{axis}', min=1, max=512) for axis in (2, 3)}
        example = torch.rand(2 if free else 1, 3, *size)
        path = tmp_path / name
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            dynamic_shapes=(sides,) if free else None,
            input_names=['image'],
            output_names=['scores'],
            verbose=False,
        )
        program.save(str(path))
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
    return lambda path, values: path.with_suffix('.json').write_text(json.dumps(values)) and None
