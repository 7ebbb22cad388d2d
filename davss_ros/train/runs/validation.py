# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Accuracy on data that is not trained on, after every epoch."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from davss_ros.core.labels import merge_dense
from davss_ros.datasets.stills import LabelledImage
from davss_ros.evaluate.confusion import ConfusionMatrix
from davss_ros.networks.resample import pad_to_multiple
from davss_ros.train.runs.compute import Compute


def stills_miou(
    network: nn.Module, stills: Sequence[LabelledImage], classes: int, compute: Compute
) -> Callable[[], dict[str, float]]:
    """Return what measures the mIoU (0 to 1) of a key network on labelled images."""

    def measure() -> dict[str, float]:
        confusion = ConfusionMatrix(classes)
        with torch.inference_mode():
            for pair in stills:
                image = torch.from_numpy(pair.image()).permute(2, 0, 1)[None].to(compute.device)
                padded = pad_to_multiple(image.float() / 255)
                with compute.autocast():
                    scores = network(padded)
                labels = merge_dense(scores.float())[0, : image.shape[2], : image.shape[3]]
                confusion.add(labels.cpu().numpy(), pair.labels(classes))
        return {'miou': confusion.miou()}

    return measure
