# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What must be known of a network to use it, and where each value was found."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from davss_ros.core.classes import SemanticClass

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of pixels in [0, 1]


@dataclass(frozen=True)
class Description:
    """How to give a network a frame, and how to read what it gives.

    A pixel value ``v`` of 0 to 255 is given as ``(v scale - mean) / std``.

    Attributes:
        input: name of the input.
        layout: of the input, ``nchw`` or ``nhwc``.
        size: (height, width) of the input where it has only one; (0, 0) where it takes any.
        multiple: the input's sides are multiples of this.
        batch: images at a time; 0: any number.
        scale: see above.
        mean: of each channel, in the network's own order; see above.
        std: likewise.
        channels: order of the input's channels, ``rgb`` or ``bgr``.
        output: name of the output; of queries, those of the classes and of the masks, with a comma.
        output_kind: ``scores``, before softmax; ``probabilities``; or ``queries``, class scores and masks of each.
        output_layout: ``nchw`` or ``nhwc``.
        stride: side of the input to that of the output, 1 to 32.
        classes: in the order of the output's channels.
        label_offset: id of the first class in label images; 1 for those that were trained with reduced labels.
        unlabelled: id in label images that is no class, beside 255.
        crop_safe: a part of a frame gets the labels that it has in the whole: the network can redo windows.
        sources: name of each of these -> where it was found, in words.
    """

    input: str
    layout: str
    size: tuple[int, int]
    multiple: int
    batch: int
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channels: str
    output: str
    output_kind: str
    output_layout: str
    stride: int
    classes: tuple[SemanticClass, ...]
    label_offset: int
    unlabelled: int
    crop_safe: bool
    sources: Mapping[str, str]

    def rows(self) -> list[tuple[str, str, str]]:
        """Return (name, value, where it was found) of everything, for a table."""
        names = [setting.name for setting in fields(self) if setting.name != 'sources']
        return [(name, shown(name, getattr(self, name)), self.sources.get(name, '')) for name in names]


def shown(name: str, value: Any) -> str:
    """Return a value as `davss_ros.networks.foreign.settings` reads it, in short."""
    if name == 'size':
        return f'{value[1]}x{value[0]}' if any(value) else 'any'
    if name == 'classes':
        names = ', '.join(c.name for c in value[:4])
        return f'{len(value)}: {names}{", ..." if len(value) > 4 else ""}'
    if name == 'batch':
        return str(value or 'any')
    if isinstance(value, tuple):
        return ', '.join(f'{number:.6g}' for number in value)
    if isinstance(value, float):
        return f'{value:.6g}'
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_metadata(description: Description) -> dict[str, Any]:
    """Return what a file's own metadata must hold so that it can be used without anything else, ready for JSON."""
    kept = {
        setting.name: getattr(description, setting.name) for setting in fields(description) if setting.name != 'sources'
    }
    kept['classes'] = [{'name': c.name, 'color': list(c.color)} for c in description.classes]
    kept['size'] = shown('size', description.size)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}
