# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Weights kept as whole numbers of 8 bits, half the size of float16: of large 1x1 convolutions alone.

One scale for each output channel, the largest weight being 127 of it (Jacob et al., CVPR 2018, without the activations:
the arithmetic is that of the engine, after `restored`). In a file, beside the int8 tensor ``NAME`` lies ``NAME:scale``.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from davss_ros.errors import WeightsError

SCALE = ':scale'
LARGE = 2**17  # values; of `camvid_light` ten convolutions, 29 % less, and 99.9 % of the labels as before
LARGEST = 127


def reduced(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors, the weights of large 1x1 convolutions (outputs, inputs, 1, 1) as int8 with float32 scales."""
    result = dict(tensors)
    for name, value in tensors.items():
        if value.is_floating_point() and value.ndim == 4 and value.shape[2:] == (1, 1) and value.numel() >= LARGE:
            scale = value.float().abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12) / LARGEST
            result[name] = (value.float() / scale).round().to(torch.int8)
            result[name + SCALE] = scale
    return result


def restored(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors that `reduced` was given, each large weight within half a step; the others as they are.

    Args:
        path: of their file, for messages.
        tensors: by name.

    Raises:
        WeightsError: a scale does not fit its weights.
    """
    result = {}
    for name, value in tensors.items():
        scale = tensors.get(name + SCALE)
        if scale is not None:
            expected = (value.shape[0], 1, 1, 1) if value.ndim == 4 else ()
            if value.dtype != torch.int8 or scale.shape != expected or not scale.is_floating_point():
                raise WeightsError(
                    f'{path}: {name}: expected int8 weights (outputs, inputs, 1, 1) and scales (outputs, 1, 1, 1), '
                    f'found {value.dtype} {tuple(value.shape)} and {scale.dtype} {tuple(scale.shape)}'
                )
            result[name] = value.float() * scale
        elif not (name.endswith(SCALE) and name.removesuffix(SCALE) in tensors):
            result[name] = value
    return result
