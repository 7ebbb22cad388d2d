# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Losses on class scores."""

import torch
from torch import Tensor
from torch.nn import functional as F

from davss_ros.core.classes import VOID
from davss_ros.train.runs.parallel import gathered, total


def lovasz_softmax(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the Lovász extension of 1 - IoU, averaged over the classes present (Berman et al., CVPR 2018).

    Args:
        probabilities: (P, C) float, rows summing to 1.
        labels: (P,) class ids without void.
    """
    losses = []
    for c in torch.unique(labels):
        foreground = (labels == c).to(probabilities.dtype)
        errors, order = torch.sort((foreground - probabilities[:, c]).abs(), descending=True)
        foreground = foreground[order]
        size = foreground.sum()
        intersection = size - foreground.cumsum(0)
        union = size + (1 - foreground).cumsum(0)
        jaccard = 1 - intersection / union
        jaccard = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
        losses.append(errors @ jaccard)
    return torch.stack(losses).mean() if losses else probabilities.sum() * 0


def up_every_second(x: Tensor, offset: tuple[int, int]) -> Tensor:
    """Return ``up(x)[..., offset[0]::2, offset[1]::2]`` (align_corners=False) by two matrix products, never whole.

    Args:
        x: (N, C, h, w).
        offset: first row and column of the full size that count, each 0 or 1.
    """
    rows, columns = (_interpolation(length, first, x) for length, first in zip(x.shape[2:], offset, strict=True))
    return rows @ x @ columns.T


def mean_cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy averaged over the labels that are not void, those of all processes; 0 if all are."""
    labelled = total((labels != VOID).sum())
    return total(F.cross_entropy(scores, labels, ignore_index=VOID, reduction='sum')) / labelled.clamp(min=1)


def label_loss(scores: Tensor, labels: Tensor, lovasz: float = 0.5) -> Tensor:
    """Return cross-entropy plus weighted Lovász-softmax, the latter on every second row and column only.

    Of several processes (`davss_ros.train.runs.parallel`) each returns the loss of the whole batch.

    Args:
        scores: (N, C, H, W).
        labels: (N, H, W) int64, `VOID` where unknown.
        lovasz: weight of the Lovász part.
    """
    loss = mean_cross_entropy(scores, labels)
    if lovasz:
        few, few_labels = gathered(scores[..., ::2, ::2].permute(0, 2, 3, 1)), gathered(labels[:, ::2, ::2])
        labelled = few_labels != VOID
        loss = loss + lovasz * lovasz_softmax(few[labelled].softmax(1), few_labels[labelled])
    return loss


def segmentation_loss(scores: Tensor, labels: Tensor, offset: tuple[int, int], lovasz: float = 0.5) -> Tensor:
    """Return the `label_loss` of 1/4-size scores against full-size labels.

    Every second row and column from ``offset`` on counts, which saves most of the time and, offsets being random,
    nothing of the data.

    Args:
        scores: (N, C, H/4, W/4).
        labels: (N, H, W) int64, `VOID` where unknown.
        offset: first row and column that count.
        lovasz: weight of the Lovász part.
    """
    return label_loss(up_every_second(scores.float(), offset), labels[:, offset[0] :: 2, offset[1] :: 2], lovasz)


def mean_divergence(scores: Tensor, teacher: Tensor) -> Tensor:
    """Return how far ``scores`` are from a teacher's, both (N, C, h, w): the mean Kullback-Leibler divergence."""
    return F.kl_div(scores.log_softmax(1), teacher.softmax(1), reduction='none').sum(1).mean()


def _interpolation(length: int, first: int, like: Tensor) -> Tensor:
    """Return (2 length, length): what every second of the 4 length upsampled values is made of."""
    eye = torch.eye(length, dtype=like.dtype, device=like.device)
    return F.interpolate(eye[None], scale_factor=4.0, mode='linear', align_corners=False)[0, :, first::2].T
