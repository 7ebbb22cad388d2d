"""Losses on class scores."""

import torch
from torch import Tensor
from torch.nn import functional as F

VOID = 255


def lovasz_softmax(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the Lovász extension of 1 - IoU, averaged over the classes present (Berman et al., CVPR 2018).

    Args:
        probabilities: (P, C) float, rows summing to 1.
        labels: (P,) class ids without void.

    """
    losses = []
    for c in torch.unique(labels):
        foreground = (labels == c).float()
        errors, order = torch.sort((foreground - probabilities[:, c]).abs(), descending=True)
        foreground = foreground[order]
        total = foreground.sum()
        intersection = total - foreground.cumsum(0)
        union = total + (1 - foreground).cumsum(0)
        jaccard = 1 - intersection / union
        jaccard = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
        losses.append(errors @ jaccard)
    return torch.stack(losses).mean() if losses else probabilities.sum() * 0


def segmentation_loss(scores: Tensor, labels: Tensor, offset: tuple[int, int], lovasz: float = 0.5) -> Tensor:
    """Cross-entropy plus weighted Lovász-softmax of 1/4-size scores against full-size labels.

    The scores are brought to full size; of that, every second row and column from ``offset`` on (each 0 or 1) counts,
    for the Lovász part every fourth, which saves most of the time and, offsets being random, nothing of the data.

    Args:
        scores: (N, C, H/4, W/4).
        labels: (N, H, W) int64, `VOID` where unknown.
        offset: first row and column that count.
        lovasz: weight of the Lovász part.

    """
    full = F.interpolate(scores.float(), size=labels.shape[1:], mode='bilinear', align_corners=False)
    full, labels = full[..., offset[0] :: 2, offset[1] :: 2], labels[:, offset[0] :: 2, offset[1] :: 2]
    loss = F.cross_entropy(full, labels, ignore_index=VOID)
    if lovasz:
        few, few_labels = full[..., ::2, ::2].permute(0, 2, 3, 1), labels[:, ::2, ::2]
        known = few_labels != VOID
        loss = loss + lovasz * lovasz_softmax(few[known].softmax(1), few_labels[known])
    return loss
