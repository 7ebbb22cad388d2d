# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The tail of the method: from scores at 1/4 size to one class id a pixel.

    labels = argmax( up(f) (1 - up(M)) + up(c) up(M) )

Done as written (`merge_dense`), this costs as much as the networks on a CPU. But most labels need no upsampling: inside
a cell of four neighbouring 1/4-size pixels every upsampled value lies between those four, so a class that wins by more
at all four corners than the correction could take away wins everywhere in the cell. `merge_sparse` proves that for most
cells and computes only the rest; the labels are the same.
"""

import cv2
import numpy as np
import torch
from torch import Tensor

from davss_ros.networks.resample import SCALE, up


def merge_scores(scores: Tensor, correction: Tensor, distortion: Tensor, align_corners: bool = False) -> Tensor:
    """Return the merged full-size scores (N, C, 4 h, 4 w) (DAVSS, equation 5).

    Args:
        scores: propagated scores (N, C, h, w).
        correction: correction scores (N, C, h, w).
        distortion: (N, 1, h, w) in [0, 1].
        align_corners: see `davss_ros.networks.resample`.
    """
    weight = up(distortion, align_corners)
    return torch.lerp(up(scores, align_corners), up(correction, align_corners), weight)


def merge_dense(
    scores: Tensor, correction: Tensor | None = None, distortion: Tensor | None = None, align_corners: bool = False
) -> Tensor:
    """Return uint8 labels (N, 4 h, 4 w) by upsampling everything; without a correction, of ``scores`` alone."""
    if correction is None or distortion is None:
        return up(scores, align_corners).argmax(1).to(torch.uint8)
    return merge_scores(scores, correction, distortion, align_corners).argmax(1).to(torch.uint8)


def merge(
    scores: Tensor, correction: Tensor | None = None, distortion: Tensor | None = None, align_corners: bool = False
) -> Tensor:
    """Return the labels of `merge_dense`, in the way that is fastest."""
    if scores.device.type == 'cpu' and not align_corners:
        return merge_sparse(scores, correction, distortion)
    return merge_dense(scores, correction, distortion, align_corners)


def merge_sparse(scores: Tensor, correction: Tensor | None = None, distortion: Tensor | None = None) -> Tensor:
    """Return the labels of `merge_dense` with align_corners=False, computing only what is not certain.

    Meant for the CPU: a GPU is faster at the dense form than at finding out what to leave out.
    """
    return torch.stack(
        [
            _merge_one(
                scores[n],
                None if correction is None else correction[n],
                None if distortion is None else distortion[n],
            )
            for n in range(scores.shape[0])
        ]
    )


def _merge_one(scores: Tensor, correction: Tensor | None, distortion: Tensor | None) -> Tensor:
    best, label = scores.max(0)
    quarter = label.to(torch.uint8)
    todo = _differing(quarter)  # where all corners agree, no class overtakes on the way between them
    if correction is not None and distortion is not None:
        margin = best - scores.scatter(0, label[None], -torch.inf).amax(0)
        behind = correction.amax(0) - correction.gather(0, label[None])[0]  # the label's arrears in the correction
        weight = _corners(distortion[0]).amax(-1)
        todo |= (1 - weight) * _corners(margin).amin(-1) <= weight * _corners(behind).amax(-1)

    edge = SCALE // 2  # the outermost cells reach half a cell beyond the image
    full = _cells(quarter)
    rows, columns = todo.nonzero(as_tuple=True)
    if rows.numel():
        at = _corner_indices(rows, columns, *quarter.shape)
        inside = _interpolation(scores)
        merged = _pick(scores, at) @ inside
        if correction is not None and distortion is not None:
            merged = torch.lerp(merged, _pick(correction, at) @ inside, _pick(distortion, at) @ inside)
        labels = merged.max(0).indices.to(torch.uint8).view(-1, SCALE, SCALE)
        full.unflatten(1, (-1, SCALE)).unflatten(0, (-1, SCALE))[rows, :, columns] = labels
    return full[edge:-edge, edge:-edge]


def _differing(labels: Tensor) -> Tensor:
    """Return which cells of (h, w) have corners of several labels: (h + 1, w + 1) bool."""
    padded = _padded(labels)
    above, below = padded[:-1], padded[1:]
    differing = (above[:, :-1] != above[:, 1:]) | (above[:, :-1] != below[:, :-1])
    return differing.logical_or_(below[:, :-1] != below[:, 1:])


def _cells(labels: Tensor) -> Tensor:
    """Return the nearest of (h, w) uint8 labels at every pixel of every cell: (4 h + 4, 4 w + 4)."""
    height, width = labels.shape
    padded = _padded(labels).numpy()
    full = cv2.resize(padded, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_NEAREST)
    full = full.reshape(SCALE * (height + 2), SCALE * (width + 2))  # one column would be none
    edge = SCALE // 2
    return torch.from_numpy(np.ascontiguousarray(full[edge:-edge, edge:-edge]))


def _padded(x: Tensor) -> Tensor:
    """Return (h, w) with its border repeated outwards: (h + 2, w + 2)."""
    padded = torch.cat([x[:1], x, x[-1:]])
    return torch.cat([padded[:, :1], padded, padded[:, -1:]], 1)


def _corners(x: Tensor) -> Tensor:
    """Return the four corners of every cell: (h, w) gives (h + 1, w + 1, 4), the border repeated outwards."""
    padded = _padded(x)
    return torch.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]], -1)


def _corner_indices(rows: Tensor, columns: Tensor, height: int, width: int) -> Tensor:
    """Return (n, 4): where the corners of n cells lie in a flattened (height, width) map; order as in `_corners`."""
    top, bottom = (rows - 1).clamp(min=0) * width, rows.clamp(max=height - 1) * width
    left, right = (columns - 1).clamp(min=0), columns.clamp(max=width - 1)
    return torch.stack([top + left, top + right, bottom + left, bottom + right], -1)


def _pick(x: Tensor, at: Tensor) -> Tensor:
    """Return (C, n, 4) of (C, h, w)."""
    return x.flatten(1).index_select(1, at.flatten()).unflatten(1, at.shape)


def _interpolation(like: Tensor) -> Tensor:
    """Return (4, 16): the bilinear weights of a cell's corners at its 16 pixels."""
    ahead = (torch.arange(SCALE, dtype=like.dtype, device=like.device) + 0.5) / SCALE
    along = torch.stack([1 - ahead, ahead], -1)
    return torch.einsum('ya,xb->abyx', along, along).reshape(4, SCALE * SCALE)
