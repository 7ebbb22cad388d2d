# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Redoing what propagation got wrong: by a look at the whole frame, and in windows where that is not enough.

- With a gate, the correction network segments the whole frame, lightly (`davss_ros.core.look`: not every one); the gate
  says for each pixel how much that counts beside what was carried, and how likely the outcome is still wrong. The key
  network redoes the windows that hold most of that. Before the first look the distortion map says so.
- Without one, the correction network redoes windows alone, where the distortion map says so.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from davss_ros.core.model import Model
from davss_ros.core.window_budget import WindowBudget
from davss_ros.core.windows import (
    MARGIN,
    choose_windows,
    cut,
    cut_image,
    grown,
    paste,
    window_count,
    without_margin,
)
from davss_ros.networks.interface import CorrectionNetwork, GateNetwork, Propagated


def correct(
    model: Model,
    image: Tensor,
    image_quarter: Tensor,
    propagated: Propagated,
    distortion: Tensor,
    distance: Tensor,
    looks: Sequence[Tensor | None],
    budgets: Sequence[WindowBudget] | None = None,
) -> Propagated:
    """Return what was propagated, corrected; scores and image alike.

    Args:
        model: its networks.
        image: the current frames (N, 3, H, W).
        image_quarter: the same at 1/4 size (N, 3, h, w).
        propagated: to these frames.
        distortion: of it (N, 1, h, w).
        distance: frames since the key frames (N,).
        looks: what the correction network gave of the whole frame (1, C, h, w), for each frame that has a look. Only
            with a gate.
        budgets: of windows, for each frame; None: as ``correction_share`` of the model says.
    """
    if model.gate is None or model.window is None:
        return redo_windows(model, model.correction, image, image_quarter, propagated, distortion, budgets)
    joined, wrong = join(model.gate, image_quarter, propagated, distortion, distance, looks)
    return redo_windows(model, model.window, image, image_quarter, joined, wrong, budgets)


def join(
    gate: GateNetwork,
    image_quarter: Tensor,
    propagated: Propagated,
    distortion: Tensor,
    distance: Tensor,
    looks: Sequence[Tensor | None],
) -> tuple[Propagated, Tensor]:
    """Return what was propagated joined with the looks, and how likely that is still wrong (N, 1, h, w).

    Frames without a look stay as they are. Arguments as those of `correct`.
    """
    looked = [i for i, look in enumerate(looks) if look is not None]
    if not looked:
        return propagated, distortion
    correction = torch.cat([look for look in looks if look is not None])
    if len(looked) == len(looks):
        return _joined(gate, image_quarter, propagated, distortion, distance, correction)
    which = torch.tensor(looked, device=distortion.device)
    part = Propagated(propagated.scores[which], propagated.image[which])
    joined, wrong = _joined(gate, image_quarter[which], part, distortion[which], distance[which], correction)
    whole = (value.index_copy(0, which, new) for value, new in zip(propagated, joined, strict=True))
    return Propagated(*whole), distortion.index_copy(0, which, wrong)


def _joined(
    gate: GateNetwork,
    image_quarter: Tensor,
    propagated: Propagated,
    distortion: Tensor,
    distance: Tensor,
    correction: Tensor,
) -> tuple[Propagated, Tensor]:
    weight, wrong = gate(propagated, correction, distortion, distance).split(1, 1)
    image = propagated.image.lerp(image_quarter, weight)
    return Propagated(propagated.scores.lerp(correction, weight), image), wrong


def redo_windows(
    model: Model,
    network: CorrectionNetwork,
    image: Tensor,
    image_quarter: Tensor,
    propagated: Propagated,
    distortion: Tensor,
    budgets: Sequence[WindowBudget] | None = None,
) -> Propagated:
    """Return what was propagated, with the windows that hold most of the distortion redone.

    In a window the correction counts as everywhere else by gain x distortion (DAVSS, equation 5, here at 1/4 size),
    and the propagated image becomes the current one by as much.

    Args:
        model: its ``correction_share`` of the frame's area is redone, at most, unless budgets say otherwise; of
            that only what is worth it, see its ``window_worth``.
        network: redoes it.
        image: the current frames (N, 3, H, W).
        image_quarter: the same at 1/4 size (N, 3, h, w).
        propagated: to these frames.
        distortion: of it (N, 1, h, w).
        budgets: of windows, for each frame.
    """
    height, width = distortion.shape[2:]
    if budgets is None:
        budgets = [WindowBudget(0, window_count((height, width), model.correction_share))] * len(distortion)
    places = [
        choose_windows(part, budget.most, worth=model.window_worth, floor=budget.floor)
        for part, budget in zip(distortion[:, 0].cpu().numpy(), budgets, strict=True)
    ]
    if not any(places):
        return propagated
    views = grown(places, MARGIN, (height, width))
    propagated_views = Propagated(cut(views, propagated.scores), cut(views, propagated.image))
    correction = without_margin(places, views, network(cut_image(views, image), propagated_views))
    weight = (cut(places, distortion) * model.correction_gain).clamp(max=1)
    return Propagated(
        paste(places, cut(places, propagated.scores).lerp(correction, weight), propagated.scores),
        paste(places, cut(places, propagated.image).lerp(cut(places, image_quarter), weight), propagated.image),
    )
