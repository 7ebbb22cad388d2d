"""A street scene set in motion: short videos with labels out of one labelled still.

The camera drives into the scene: what stands on the ground moves as its foot point does (plane ground, pinhole camera),
the sky stays. Objects cut out of other stills cross the view, so that things are covered and uncovered; light and
sharpness drift. Every frame has its labels, moved along with its pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class SceneClasses:
    """Which class ids play which part."""

    sky: tuple[int, ...]
    ground: tuple[int, ...]
    movable: tuple[int, ...]  # cut out and pasted


CAMVID = SceneClasses(sky=(0,), ground=(3, 4), movable=(2, 6, 8, 9, 10))
VOID = 255


@dataclass(frozen=True)
class _Cutout:
    pixels: Image
    labels: Image
    mask: NDArray[np.bool_]


def synthetic_video(
    image: Image, labels: Image, others: list[tuple[Image, Image]], length: int, rng: Generator, roles: SceneClasses
) -> list[tuple[Image, Image]]:
    """Return ``length`` frames (image (H, W, 3), labels (H, W)); the still is the first or, reversed, the last.

    Args:
        image: the still, (H, W, 3) uint8 RGB.
        labels: its labels, (H, W) uint8, 255 = void.
        others: stills to cut objects from.
        length: number of frames.
        rng: source of all randomness.
        roles: which classes are sky, ground and movable.
    """
    height, width = labels.shape
    near = inverse_depth(labels, roles)
    speed = rng.uniform(0.0, 0.05)  # share of the depth at the image's foot, per frame
    focus = width * rng.uniform(0.35, 0.65), height * rng.uniform(0.35, 0.5)
    turn = rng.normal(0, 2.0), rng.normal(0, 0.7)  # px per frame
    pasted = [_pasted(rng, others, roles, (height, width)) for _ in range(rng.integers(0, 4))]
    light, sharp = rng.normal(0, 0.01), rng.random() < 0.3
    frames = []
    for t in range(length):
        source_x, source_y = _where_from(near, focus, speed * t, (turn[0] * t, turn[1] * t))
        pixels = np.asarray(
            cv2.remap(image, source_x, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
        )
        ids = np.asarray(
            cv2.remap(labels, source_x, source_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE), np.uint8
        )
        for cutout, start, velocity, growth in pasted:
            _paste(pixels, ids, cutout, (start[0] + velocity[0] * t, start[1] + velocity[1] * t), growth**t)
        if sharp and rng.random() < 0.5:
            pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.0)), np.uint8)
        drifted = pixels * (1 + light * t) + rng.normal(0, 2.0, pixels.shape)
        frames.append((np.clip(drifted, 0, 255).astype(np.uint8), ids))
    return frames[::-1] if rng.random() < 0.5 else frames


def inverse_depth(labels: Image, roles: SceneClasses) -> NDArray[np.float32]:
    """Return (H, W) float32: 0 in the sky and at the horizon, 1 at the image's foot.

    The ground's grows linearly below the horizon; what stands on it has that of the lowest pixel below it of its class.
    """
    height = labels.shape[0]
    horizon = 0.45 * height
    plane = np.clip((np.arange(height, dtype=np.float32) - horizon) / (height - horizon), 0.02, 1)
    near = np.empty(labels.shape, np.float32)
    foot: NDArray[np.float32] = np.full(labels.shape[1], plane[-1], np.float32)
    ground, sky = np.isin(labels, roles.ground), np.isin(labels, roles.sky)
    for y in range(height - 1, -1, -1):
        starts = labels[y] != labels[y + 1] if y + 1 < height else np.ones(labels.shape[1], bool)
        on_ground = ground[y] | (ground[min(y + 1, height - 1)] & starts)
        foot = np.where(on_ground, plane[y], foot).astype(np.float32)
        near[y] = np.where(sky[y], 0, foot)
    return near


def _where_from(
    near: NDArray[np.float32], focus: tuple[float, float], advance: float, shift: tuple[float, float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return, for every pixel of the moved view, where in the still it comes from (x and y, float32)."""
    height, width = near.shape
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    seen_x, seen_y = xs + np.float32(shift[0]), ys + np.float32(shift[1])
    depth = cv2.dilate(near, np.ones((5, 5), np.uint8))  # what is near covers what is far
    source_x, source_y = seen_x, seen_y
    for _ in range(4):  # the depth is known in the still, so find the point whose motion ends here
        shrink = np.maximum(1 - advance * depth, 0.3).astype(np.float32)
        source_x = np.float32(focus[0]) + (seen_x - np.float32(focus[0])) * shrink
        source_y = np.float32(focus[1]) + (seen_y - np.float32(focus[1])) * shrink
        depth = cv2.remap(near, source_x, source_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    return source_x, source_y


def _pasted(
    rng: Generator, others: list[tuple[Image, Image]], roles: SceneClasses, size: tuple[int, int]
) -> tuple[_Cutout, tuple[float, float], tuple[float, float], float]:
    cutout = _cut(rng, *others[rng.integers(len(others))], roles)
    start = rng.uniform(0, size[1]), rng.uniform(0.35, 0.75) * size[0]
    return cutout, start, (rng.normal(0, 4.0), rng.normal(0, 0.7)), float(rng.uniform(0.98, 1.03))


def _cut(rng: Generator, image: Image, labels: Image, roles: SceneClasses) -> _Cutout:
    """Return one connected piece of a movable class; an empty one if there is none of a fair size."""
    movable = np.isin(labels, roles.movable).astype(np.uint8)
    count, pieces, boxes, _ = cv2.connectedComponentsWithStats(movable)
    fair = [i for i in range(1, count) if 60 <= boxes[i][cv2.CC_STAT_AREA] <= 20000]
    if not fair:
        return _Cutout(image[:0, :0], labels[:0, :0], np.zeros((0, 0), bool))
    x, y, width, height, _ = boxes[fair[rng.integers(len(fair))]]
    mask = pieces[y : y + height, x : x + width]
    inside = mask == np.bincount(mask[mask > 0]).argmax()
    return _Cutout(image[y : y + height, x : x + width], labels[y : y + height, x : x + width], inside)


def _paste(pixels: Image, ids: Image, cutout: _Cutout, at: tuple[float, float], scale: float) -> None:
    if not cutout.mask.size:
        return
    matrix = np.array([[scale, 0, at[0]], [0, scale, at[1]]], np.float32)
    size = pixels.shape[1], pixels.shape[0]
    mask = cv2.warpAffine(cutout.mask.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST).astype(bool)
    moved = cv2.warpAffine(np.ascontiguousarray(cutout.pixels), matrix, size, borderMode=cv2.BORDER_REPLICATE)
    labels = cv2.warpAffine(np.ascontiguousarray(cutout.labels), matrix, size, flags=cv2.INTER_NEAREST)
    pixels[mask], ids[mask] = moved[mask], labels[mask]
