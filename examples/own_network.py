# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A key network of your own in the place of the shipped one: ``python examples/own_network.py VIDEO``.

Any callable does that maps images (N, 3, H, W), RGB in [0, 1], to scores (N, C, h, w) at 1/4 size; all else stays.
docs/network.md tells how to have one loaded from a file, by the node too.
"""

import sys
from dataclasses import replace

import torch
from torch import Tensor, nn

from davss_ros import SegmenterConfig, VideoSegmenter
from davss_ros.core.classes import SemanticClass
from davss_ros.core.model import load_model
from davss_ros.errors import DavssError
from davss_ros.networks.again import KeyAgain
from davss_ros.networks.interface import Propagated
from davss_ros.recordings.open import open_source

CLASSES = (SemanticClass('dark', (0, 0, 0)), SemanticClass('bright', (255, 255, 255)))


class Brightness(nn.Module):
    """Two classes by brightness, where a real network would be."""

    def forward(self, image: Tensor) -> Tensor:
        """See `davss_ros.networks.interface.KeyNetwork`."""
        grey = nn.functional.avg_pool2d(image.mean(1, keepdim=True), 4)
        return torch.cat([0.5 - grey, grey - 0.5], 1) * 20


def recoloured(propagated: Propagated, image: Tensor) -> Tensor:
    """Take for distortion what the carried image differs by; a learned network is better at it."""
    return (propagated.image - image).abs().mean(1, keepdim=True)


def main(source: str) -> None:
    """Print the share of each class of every frame, and where its labels came from."""
    config, key = SegmenterConfig(working_height=240), Brightness()
    model = load_model(config)
    model = replace(model, key=key, correction=KeyAgain(key), gate=None, distortion=recoloured, classes=CLASSES)
    segmenter = VideoSegmenter(config, model=model)
    for frame in open_source(source):
        result = segmenter.step(frame.image, frame.stamp)
        shares = ', '.join(f'{c.name} {(result.labels == i).mean():.2f}' for i, c in enumerate(CLASSES))
        print(f'{shares}; {result.distance} frames from the key frame, distortion {result.mean_distortion:.3f}')


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:2])
    except DavssError as error:
        sys.exit(str(error))
