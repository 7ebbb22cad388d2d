# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The published order of operations, written plainly: what speed is measured against, and labels are held against.

As section III of the paper (https://arxiv.org/abs/2006.10380) and its code have it: float32, every layer by itself,
every map at full size before the labels are chosen. Works with any networks of `davss_ros.networks.interface`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from davss_ros.networks.interface import Propagated
from davss_ros.networks.registry import build

PUBLISHED = {'key': 'deeplabv3plus', 'flow': 'flownets', 'distortion': 'dmnet', 'correction': 'cfnet'}


class PlainDavss:
    """Segments a video, frame by frame, as published; align_corners is False.

    Args:
        networks: by role.
        device: where they are.
    """

    def __init__(self, networks: dict[str, Callable[..., Tensor]], device: torch.device | None = None) -> None:
        self._networks, self._device = networks, device
        self._scores = self._small = self._previous = torch.empty(0)

    @torch.inference_mode()
    def step(self, frame: NDArray[np.uint8], *, key: bool) -> NDArray[np.uint8]:
        """Return the labels (H, W) of the next frame (H, W, 3) uint8 RGB, sides multiples of 4."""
        image = torch.from_numpy(frame.copy()).to(self._device).permute(2, 0, 1)[None].float() / 255
        quarter = F.interpolate(image, scale_factor=0.25, mode='bilinear', align_corners=False)
        if key:
            self._scores, self._small, self._previous = self._networks['key'](image), quarter, image
            return _labels(_full(self._scores))
        flow = self._networks['flow'](image, self._previous)
        self._scores, self._small, self._previous = _moved(self._scores, flow), _moved(self._small, flow), image
        propagated = Propagated(self._scores, self._small)
        distortion = _full(self._networks['distortion'](propagated, quarter))
        correction = _full(self._networks['correction'](image, propagated))
        return _labels(_full(self._scores) * (1 - distortion) + correction * distortion)


def published_networks(classes: int, seed: int = 0) -> dict[str, nn.Module]:
    """Return the published networks with weights of chance, by role: time does not depend on what they have learnt.

    Batch normalisation has the statistics of noise, so that what they give differs from place to place.
    """
    torch.manual_seed(seed)
    image = F.interpolate(torch.rand(2, 3, 16, 32), scale_factor=8, mode='bilinear')
    small = F.interpolate(image, scale_factor=0.25, mode='bilinear')
    propagated = Propagated(torch.randn(2, classes, 32, 64), small.roll(1, 3))
    inputs = {
        'key': (image,),
        'flow': (image, image.roll(4, 3)),
        'distortion': (propagated, small),
        'correction': (image, propagated),
    }
    return {role: _settled(build(role, name, classes), inputs[role]) for role, name in PUBLISHED.items()}


def _settled(network: nn.Module, inputs: tuple[Any, ...]) -> nn.Module:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # the statistics of this batch alone
    with torch.no_grad():
        network.train()(*inputs)
    return network.eval().requires_grad_(False)


def _moved(x: Tensor, flow: Tensor) -> Tensor:
    height, width = x.shape[2:]
    ys, xs = torch.meshgrid(torch.arange(height, device=x.device), torch.arange(width, device=x.device), indexing='ij')
    grid = torch.stack([(xs + flow[:, 0]) / (width - 1) * 2 - 1, (ys + flow[:, 1]) / (height - 1) * 2 - 1], 3)
    return F.grid_sample(x, grid, mode='bilinear', padding_mode='border', align_corners=True)


def _full(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=4, mode='bilinear', align_corners=False)


def _labels(scores: Tensor) -> NDArray[Any]:
    return scores.argmax(1)[0].to(torch.uint8).cpu().numpy()
