# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The tail of the method: from scores at 1/4 size to one class id a pixel.

    labels = argmax( up(f) (1 - up(M)) + up(c) up(M) )

Done as written (`merge_dense`), this costs as much as the networks on a CPU. But most labels need no upsampling: inside
a cell of four neighbouring 1/4-size pixels every upsampled value lies between those four, so a class that wins by more
at all four corners than the correction could take away wins everywhere in the cell. `merge_sparse` proves that for most
cells and computes only the rest; the labels are the same.
"""

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
    margin = best - scores.scatter(0, label[None], -torch.inf).amax(0)
    lead = _corners(margin).amin(-1)
    if correction is not None and distortion is not None:
        behind = correction.amax(0) - correction.gather(0, label[None])[0]  # the label's arrears in the correction
        weight = _corners(distortion[0]).amax(-1)
        certain = (1 - weight) * lead > weight * _corners(behind).amax(-1)
    else:
        certain = lead > 0
    labels = _corners(label.to(torch.uint8))
    certain &= (labels == labels[..., :1]).all(-1)

    rows, columns = certain.shape
    blocks = labels[..., :1].expand(-1, -1, SCALE * SCALE).contiguous()
    todo = (~certain).nonzero(as_tuple=True)
    if todo[0].numel():
        at = _corner_indices(*todo, height=rows - 1, width=columns - 1)
        inside = _interpolation(scores)
        merged = inside @ _pick(scores, at)
        if correction is not None and distortion is not None:
            merged = torch.lerp(merged, inside @ _pick(correction, at), inside @ _pick(distortion, at))
        blocks[todo] = merged.argmax(-1).to(torch.uint8)
    full = blocks.view(rows, columns, SCALE, SCALE).transpose(1, 2).reshape(rows * SCALE, columns * SCALE)
    edge = SCALE // 2  # the outermost cells reach half a cell beyond the image
    return full[edge:-edge, edge:-edge]


def _corners(x: Tensor) -> Tensor:
    """Return the four corners of every cell: (h, w) gives (h + 1, w + 1, 4), the border repeated outwards."""
    padded = torch.cat([x[:1], x, x[-1:]])
    padded = torch.cat([padded[:, :1], padded, padded[:, -1:]], 1)
    return torch.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]], -1)


def _corner_indices(rows: Tensor, columns: Tensor, *, height: int, width: int) -> Tensor:
    """Return (n, 4): where the corners of n cells lie in a flattened (height, width) map; order as in `_corners`."""
    top, bottom = (rows - 1).clamp(min=0) * width, rows.clamp(max=height - 1) * width
    left, right = (columns - 1).clamp(min=0), columns.clamp(max=width - 1)
    return torch.stack([top + left, top + right, bottom + left, bottom + right], -1)


def _pick(x: Tensor, at: Tensor) -> Tensor:
    """Return (n, 4, C) of (C, h, w)."""
    return x.flatten(1).T.contiguous()[at]


def _interpolation(like: Tensor) -> Tensor:
    """Return (16, 4): the bilinear weights of a cell's corners at its 16 pixels."""
    ahead = (torch.arange(SCALE, dtype=like.dtype, device=like.device) + 0.5) / SCALE
    along = torch.stack([1 - ahead, ahead], -1)
    return torch.einsum('ya,xb->yxab', along, along).reshape(SCALE * SCALE, 4)
