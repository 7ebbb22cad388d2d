# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Torch modules as graphs, which is what other engines take."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


def traced(network: nn.Module, inputs: Sequence[Tensor]) -> Any:
    """Return the TorchScript of ``network`` for inputs of these shapes; what depends on their sizes is fixed in it."""
    examples = zeros_like(inputs)
    with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of sizes that become constants, as is wanted
        return torch.jit.trace(network, examples, check_trace=False, strict=False)


def zeros_like(inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return zeros of these shapes on the CPU, two of each: one image alone may be taken for a constant."""
    with torch.inference_mode(False):
        return tuple(torch.zeros(2, *tensor.shape[1:]) for tensor in inputs)


def is_channels_last(tensor: Tensor) -> bool:
    """Return whether ``tensor`` lies in memory as (N, H, W, C) and not as (N, C, H, W)."""
    return tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous()
