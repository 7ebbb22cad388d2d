"""Redoing what propagation got wrong in windows of the frame: at most so many, however much is wrong."""

from torch import Tensor

from davss_ros.core.model import Model
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
from davss_ros.networks.interface import Propagated


def redo_windows(
    model: Model, image: Tensor, image_quarter: Tensor, propagated: Propagated, distortion: Tensor
) -> Propagated:
    """Return what was propagated, with the windows that hold most of the distortion redone.

    In a window the correction counts as everywhere else by gain x distortion (DAVSS, equation 5, here at 1/4 size),
    and the propagated image becomes the current one by as much.

    Args:
        model: whose correction network is applied, to ``correction_share`` of the frame's area at most.
        image: the current frames (N, 3, H, W).
        image_quarter: the same at 1/4 size (N, 3, h, w).
        propagated: to these frames.
        distortion: of it (N, 1, h, w).
    """
    height, width = distortion.shape[2:]
    count = window_count((height, width), model.correction_share)
    places = [choose_windows(part, count, worth=WORTH) for part in distortion[:, 0].cpu().numpy()]
    if not any(places):
        return propagated
    views = grown(places, MARGIN, (height, width))
    propagated_views = Propagated(cut(views, propagated.scores), cut(views, propagated.image))
    correction = without_margin(places, views, model.correction(cut_image(views, image), propagated_views))
    weight = (cut(places, distortion) * model.correction_gain).clamp(max=1)
    return Propagated(
        paste(places, cut(places, propagated.scores).lerp(correction, weight), propagated.scores),
        paste(places, cut(places, propagated.image).lerp(cut(places, image_quarter), weight), propagated.image),
    )
