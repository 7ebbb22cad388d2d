# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Redoing what propagation got wrong: by a look at the whole frame, and in windows where that is not enough.

- With a gate, the correction network segments the whole frame, lightly; the gate says for each pixel how much that
  counts beside what was carried, and how likely the outcome is still wrong. The key network redoes the windows that
  hold most of that.
- Without one, the correction network redoes windows alone, where the distortion map says so.
"""

from collections.abc import Sequence

from torch import Tensor

from davss_ros.core.model import Model
from davss_ros.core.window_budget import WindowBudget
from davss_ros.core.windows import (
    MARGIN,
    WORTH,
    choose_windows,
    cut,
    cut_image,
    grown,
    paste,
    window_count,
    without_margin,
)
from davss_ros.networks.interface import CorrectionNetwork, Propagated


def correct(
    model: Model,
    image: Tensor,
    image_quarter: Tensor,
    propagated: Propagated,
    distortion: Tensor,
    distance: Tensor,
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
        budgets: of windows, for each frame; None: as ``correction_share`` of the model says.
    """
    if model.gate is None or model.window is None:
        return redo_windows(model, model.correction, image, image_quarter, propagated, distortion, budgets)
    correction = model.correction(image, propagated)
    weight, wrong = model.gate(propagated, correction, distortion, distance).split(1, 1)
    joined = Propagated(propagated.scores.lerp(correction, weight), propagated.image.lerp(image_quarter, weight))
    return redo_windows(model, model.window, image, image_quarter, joined, wrong, budgets)


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
        model: its ``correction_share`` of the frame's area is redone, at most, unless budgets say otherwise.
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
        choose_windows(part, budget.most, worth=WORTH, floor=budget.floor)
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
