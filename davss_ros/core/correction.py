# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Redoing what propagation got wrong: by a look at the whole frame, and in windows where that is not enough.

- With a gate, the correction network segments the whole frame, lightly (`davss_ros.core.look`: not every one); the gate
  says for each pixel how much that counts beside what was carried, and how likely the outcome is still wrong. The key
  network redoes the windows that hold most of that.
- Without one, the correction network redoes windows alone, where the distortion map says so.
"""

from collections.abc import Sequence
from typing import NamedTuple

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
from davss_ros.networks.interface import CorrectionNetwork, Propagated


class Looked(NamedTuple):
    """What a look says of whole frames, and the gate of that."""

    correction: Tensor  # scores (N, C, h, w)
    weight: Tensor  # how much they count beside what was propagated (N, 1, h, w)
    wrong: Tensor  # how likely the outcome is still wrong (N, 1, h, w)


def correct(
    model: Model,
    image: Tensor,
    image_quarter: Tensor,
    propagated: Propagated,
    distortion: Tensor,
    looked: Looked | None = None,
    budgets: Sequence[WindowBudget] | None = None,
) -> Propagated:
    """Return what was propagated, corrected; scores and image alike.

    Args:
        model: its networks.
        image: the current frames (N, 3, H, W).
        image_quarter: the same at 1/4 size (N, 3, h, w).
        propagated: to these frames.
        distortion: of it (N, 1, h, w); windows go by it where there was no look.
        looked: of these frames; None: windows alone.
        budgets: of windows, for each frame; None: as ``correction_share`` of the model says.
    """
    if looked is None:
        return redo_windows(model, model.correction, image, image_quarter, propagated, distortion, budgets)
    joined = join(propagated, looked, image_quarter)
    return redo_windows(model, model.window or model.correction, image, image_quarter, joined, looked.wrong, budgets)


def join(propagated: Propagated, looked: Looked, image_quarter: Tensor) -> Propagated:
    """Return what was propagated joined with the looks; arguments as those of `correct`."""
    image = propagated.image.lerp(image_quarter, looked.weight)
    return Propagated(propagated.scores.lerp(looked.correction, looked.weight), image)


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
