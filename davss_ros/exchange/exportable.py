# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A network of a model as it is exported: a module of plain tensors, inputs by name, and what its user must know."""

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from davss_ros.core.model import Model
from davss_ros.engines.engine_network import plain
from davss_ros.errors import ConfigError
from davss_ros.networks.again import KeyAgain, Mirrored, OneByOne, Smaller
from davss_ros.networks.foreign.description import Description, as_metadata
from davss_ros.networks.interface import FileNetwork, Propagated
from davss_ros.networks.resample import SCALE

ROLES = ('key', 'distortion', 'correction')
EXAMPLE = (96, 160)  # height and width, px, of what free sizes are traced with
LARGEST = 2048  # of a free side, in multiples of 4 px


class _Key(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return self.network(image)


class _Distortion(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, scores: Tensor, carried: Tensor, image: Tensor) -> Tensor:
        return self.network(Propagated(scores, carried), image)


class _Correction(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, scores: Tensor, carried: Tensor) -> Tensor:
        return self.network(image, Propagated(scores, carried))


@dataclass(frozen=True)
class Exportable:
    """A network on its way out.

    Attributes:
        role: one of `ROLES`.
        module: takes tensors by the names of ``inputs``.
        inputs: example of each; the first axis is the number of images.
        metadata: what its user must know, ready for JSON.
    """

    role: str
    module: nn.Module
    inputs: dict[str, Tensor]
    metadata: dict[str, Any]

    @property
    def output(self) -> str:
        """Name of the output."""
        return 'distortion' if self.role == 'distortion' else 'scores'


def exportable(model: Model, role: str, size: tuple[int, int] = (0, 0)) -> Exportable:
    """Return the network that plays ``role`` in ``model``, ready to be written.

    Args:
        model: computed by torch.
        role: one of `ROLES`.
        size: (height, width) of the only frames that it shall take, multiples of 4; (0, 0): any.

    Raises:
        ConfigError: there is none, or it cannot be taken out of the model.
    """
    if role == 'correction' and not model.corrects:
        raise ConfigError('correction: none: there is nothing to export')
    network = torch_network(getattr(model, role), role)
    height, width = size if any(size) else EXAMPLE
    classes, count = len(model.classes), 1 if any(size) else 2
    image, quarter = torch.rand(count, 3, height, width), (height // SCALE, width // SCALE)
    scores, carried = torch.randn(count, classes, *quarter), torch.rand(count, 3, *quarter)
    module: nn.Module
    if role == 'key':
        module, inputs = _Key(network), {'image': image}
    elif role == 'distortion':
        module, inputs = _Distortion(network), {'scores': scores, 'carried': carried, 'image': torch.rand_like(carried)}
    elif isinstance(network, KeyAgain):  # which looks at the frame alone
        module, inputs = _Key(network.key), {'image': image}
    else:
        module, inputs = _Correction(network), {'image': image, 'scores': scores, 'carried': carried}
    metadata = as_metadata(_description(model, size))
    if role == 'distortion' or len(inputs) > 1:  # anything but a key network
        metadata = {'role': role, **metadata}
    return Exportable(role, module.eval(), inputs, metadata)


def torch_network(network: Any, role: str) -> Any:
    """Return the torch module behind what a model calls; `ConfigError` if there is none, as behind an ONNX file."""
    inner = plain(network)
    if isinstance(inner, Mirrored | OneByOne | Smaller):
        return torch_network(inner.key, role)
    if isinstance(inner, KeyAgain):
        return KeyAgain(torch_network(inner.key, role))
    if isinstance(inner, FileNetwork) or not isinstance(inner, nn.Module):
        raise ConfigError(f'{role}: expected a network of torch, found a file; it is exported already')
    return inner.float().cpu().eval()


def _description(model: Model, size: tuple[int, int]) -> Description:
    """Return what must be known of a network of this package: it takes RGB in [0, 1] and gives scores at 1/4 size."""
    return Description(
        input='image',
        layout='nchw',
        size=size,
        multiple=SCALE,
        batch=1 if any(size) else 0,
        scale=1 / 255,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        channels='rgb',
        output='scores',
        output_kind='scores',
        output_layout='nchw',
        stride=SCALE,
        classes=model.classes,
        label_offset=model.description.label_offset if model.description else 0,
        unlabelled=model.description.unlabelled if model.description else 255,
        crop_safe=isinstance(plain(model.correction), KeyAgain) and not any(size),
        sources={},
    )


def exported_program(network: Exportable) -> Any:
    """Return the network as `torch.export` has it, for any number and size of frames, or for those of the example.

    Raises:
        ConfigError: it cannot be had for any size.
    """
    fixed = network.metadata['size'] != 'any'
    shapes = None
    if not fixed:
        number = torch.export.Dim('number', min=1, max=64)
        sides = [torch.export.Dim(name, min=4, max=LARGEST) for name in ('rows', 'columns')]
        shapes = {
            name: {
                0: number,
                **{
                    i + 2: side if value.shape[2] * SCALE == EXAMPLE[0] else SCALE * side
                    for i, side in enumerate(sides)
                },
            }
            for name, value in network.inputs.items()
        }
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            return torch.export.export(network.module, tuple(network.inputs.values()), dynamic_shapes=shapes)
    except Exception as error:  # of torch's tracing, many kinds
        way = '' if fixed else '; give the size of your frames, as --size 640x480'
        raise ConfigError(f'{network.role}: torch.export cannot trace it{way} ({_line(error)})') from error


def _line(error: Exception) -> str:
    return ' '.join(str(error).split())[:200]
