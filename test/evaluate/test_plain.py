# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The method as it is built here against the published order of operations, written plainly, with the same networks."""

import numpy as np
import torch
from numpy.typing import NDArray

from davss_ros.core.classes import load_classes
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.evaluate.plain import PlainDavss, published_networks
from davss_ros.networks.layers import fuse

CONFIG = SegmenterConfig(device='cpu', precision='float32', working_height=0, key_interval=1000, cut_distortion=1.0)


def moving(count: int) -> list[NDArray[np.uint8]]:
    scene = np.random.default_rng(0).integers(0, 255, (24, 40, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    return [np.ascontiguousarray(scene[32:160, 16 + 3 * t : 272 + 3 * t]) for t in range(count)]


def test_labels_are_those_of_the_plain_order() -> None:
    classes = load_classes('cityscapes19')
    plain = PlainDavss(dict(published_networks(len(classes))))
    networks = published_networks(len(classes))
    for network in networks.values():
        fuse(network)
    ours = VideoSegmenter(
        CONFIG,
        model=Model(
            **networks,
            classes=classes,
            propagation='step',
            correction_gain=1.0,
            align_corners=False,
            device=torch.device('cpu'),
            precision=torch.float32,
            name='published',
        ),
    )
    classes = set()
    for number, frame in enumerate(moving(4)):
        expected = plain.step(frame, key=number == 0)
        result = ours.step(frame)
        assert result.is_key == (number == 0)
        assert (result.labels == expected).mean() > 0.999
        classes |= set(np.unique(expected))
    assert len(classes) > 3  # else there would be little to agree about
