# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A network of somebody else's behind the interface of a key network: a frame in its way, its output in ours."""

import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.foreign.description import Description
from davss_ros.networks.resample import SCALE

LEAST = 1e-6  # a probability below it counts as this much
FEWEST = 64  # px, sides that networks with several strides need at least


def as_taken(image: Tensor, scale: float, mean: Sequence[float], std: Sequence[float], channels: str) -> Tensor:
    """Return (N, 3, H, W) RGB in [0, 1] with the values that a network takes."""
    factor = image.new_tensor([255 * scale / s for s in std]).view(3, 1, 1)
    offset = image.new_tensor([-m / s for m, s in zip(mean, std, strict=True)]).view(3, 1, 1)
    return torch.addcmul(offset, image.flip(1) if channels == 'bgr' else image, factor)


class Frames:
    """Frames on their way into and out of a network, as its description says; holds no state."""

    def __init__(self, description: Description) -> None:
        self.description = description
        self._unit = math.lcm(description.multiple, description.stride, SCALE)  # of the sides

    def into(self, image: Tensor) -> Tensor:
        """Return (N, 3, H, W) RGB in [0, 1] as the network takes it: padded or of its one size, in its values."""
        d = self.description
        if any(d.size):
            enlarged = d.size[0] >= image.shape[2] and d.size[1] >= image.shape[3]
            if tuple(image.shape[2:]) != d.size:
                image = F.interpolate(image, size=d.size, mode='bilinear', align_corners=False, antialias=not enlarged)
        else:
            bottom, right = (padding(side, self._unit) for side in image.shape[2:])
            if bottom or right:
                image = F.pad(image, (0, right, 0, bottom), mode='replicate')
        image = as_taken(image, d.scale, d.mean, d.std, d.channels)
        return image.permute(0, 2, 3, 1) if d.layout == 'nhwc' else image

    def out_of(self, outputs: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Return scores (N, C, H / 4, W / 4) of what the network gives for frames of ``size``, (H, W)."""
        d = self.description
        scores = (
            of_queries(outputs[0].float(), outputs[1].float()) if d.output_kind == 'queries' else outputs[0].float()
        )
        if d.output_layout == 'nhwc':
            scores = scores.permute(0, 3, 1, 2)
        quarter = (size[0] // SCALE, size[1] // SCALE)
        padded = quarter if any(d.size) else tuple((side + padding(side, self._unit)) // SCALE for side in size)
        if tuple(scores.shape[2:]) != padded:
            scores = F.interpolate(scores, size=padded, mode='bilinear', align_corners=False)
        scores = scores[:, :, : quarter[0], : quarter[1]]
        return scores if d.output_kind == 'scores' else scores.clamp(min=LEAST).log()


def padding(side: int, unit: int) -> int:
    """Return how many pixels make ``side`` a multiple of ``unit``, and `FEWEST` at least."""
    return max(side + -side % unit, FEWEST + -FEWEST % unit) - side


def of_queries(classes: Tensor, masks: Tensor) -> Tensor:
    """Return how much each class has of each pixel (N, C, h, w), at least 0 (Cheng et al., MaskFormer, section 3.3).

    Args:
        classes: scores (N, Q, C + 1), the last one of no class at all.
        masks: scores (N, Q, h, w), before the sigmoid.
    """
    return torch.einsum('nqc,nqhw->nchw', classes.softmax(2)[..., :-1], masks.sigmoid())


class ForeignKey(nn.Module):
    """A torch module of somebody else's as the key network; all of it can be traced.

    Args:
        network: takes what `Frames.into` gives.
        description: of it.
        checksum: of its files; tells apart what looks alike, as programs whose code differs.
        half: it may be computed in half precision as a whole; if not, torch computes it in float32.
    """

    def __init__(self, network: nn.Module, description: Description, checksum: str = '', *, half: bool = True) -> None:
        super().__init__()
        self.network = network
        self.frames = Frames(description)
        self.checksum = checksum
        self.float32_only = not half

    def train(self, mode: bool = True) -> 'ForeignKey':
        """Do nothing: the network is in evaluation mode, and a program of `torch.export` refuses to be put into it."""
        return self

    def extra_repr(self) -> str:
        """Return what else decides the result; compiled networks are kept under it."""
        return f'{self.checksum}, {self.frames.description}'

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1], sides multiples of 4, to scores (N, C, H / 4, W / 4)."""
        name = self.frames.description.output
        outputs, names = named_outputs(self.network(self.frames.into(image)), name), name.split(',')
        return self.frames.out_of([outputs[name] for name in names], (image.shape[2], image.shape[3]))


class ForeignFile:
    """A file that engines read themselves as the key network, see `davss_ros.networks.interface.FileNetwork`.

    Args:
        file: ONNX, or OpenVINO's own.
        description: of it.
        outputs: names of the file's outputs, in order.
        dtype: of the file's input.
    """

    def __init__(self, file: Path, description: Description, outputs: Sequence[str], *, dtype: torch.dtype) -> None:
        self.file = file
        self.frames = Frames(description)
        self._places = [list(outputs).index(name) for name in description.output.split(',')]
        self._dtype = dtype
        self._sizes = threading.local()  # of the frames that were given last; key frames may have a thread of their own

    def before(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return what the file takes of frames (N, 3, H, W)."""
        self._sizes.last = (image.shape[2], image.shape[3])
        frames = self.frames.into(image)
        if self._dtype == torch.uint8:
            frames = frames.round().clamp(0, 255)
        return (frames.to(self._dtype).contiguous(),)

    def after(self, *outputs: Tensor) -> Tensor:
        """Return scores (N, C, H / 4, W / 4) of what the file gave for these frames."""
        return self.frames.out_of([outputs[place] for place in self._places], self._sizes.last)


def named_outputs(result: Any, name: str = '') -> dict[str, Tensor]:
    """Return what a torch module gave by name; of tuples, ``output0``, ``output1`` and so on.

    Args:
        result: a tensor, tensors, or tensors by name.
        name: of the output, if there is but one and it has no name of its own.
    """
    if isinstance(result, Tensor):
        return {name or 'output0': result}
    pairs = result.items() if hasattr(result, 'items') else ((f'output{i}', value) for i, value in enumerate(result))
    return {str(name): value for name, value in pairs if isinstance(value, Tensor)}
