# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A street scene set in motion: short videos out of one labelled still, whose labels, flow and occlusion are known.

The camera drives into the scene: what stands on the ground moves as its foot point does (plane ground, pinhole camera),
the sky stays. Objects cut out of other stills cross the view, so that things are covered and uncovered; light and
sharpness drift. Every frame has its labels, moved along with its pixels.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from davss_ros.networks.resample import SCALE
from davss_ros.train.material.scene import Camera, Image, Map, SceneClasses, grid, inverse_depth

SAME = 0.5  # px in the still: two pixels this close show the same point


@dataclass(frozen=True)
class SceneMotion:
    """Ranges of what is drawn for each video."""

    speed: float = 0.05  # largest; share of the depth at the image's foot, per frame
    turn: tuple[float, float] = (2.0, 0.7)  # standard deviation, px per frame
    homography: float = 0.0  # standard deviation of the motion of each of the image's corners, px per frame
    cutouts: int = 3  # most objects that cross the view
    pace: float = 4.0  # standard deviation of how fast they cross it, px per frame
    light: float = 0.01  # standard deviation of the gain's change per frame
    blur: float = 0.3  # share of videos in which half of the frames are blurred
    noise: float = 2.0  # standard deviation, grey levels


@dataclass(frozen=True)
class TrueMotion:
    """How the pixels of one frame moved since another.

    Attributes:
        flow: (H, W, 2) float32, (dx, dy) in px: what is at p was at p + flow(p). Also of what was not to be seen then.
        visible: (H, W) bool: it was to be seen; elsewhere nothing that is propagated can be right, but by chance.
    """

    flow: NDArray[np.float32]
    visible: NDArray[np.bool_]

    def quarter(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the flow as networks give it, (2, H / 4, W / 4) in 1/4-size px, and where all of it was visible."""
        size = self.flow.shape[1] // SCALE, self.flow.shape[0] // SCALE
        flow = cv2.resize(self.flow, size, interpolation=cv2.INTER_AREA) / np.float32(SCALE)
        visible = cv2.resize(self.visible.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 1 - 1e-3
        return flow.transpose(2, 0, 1), visible


@dataclass(frozen=True)
class _Cutout:
    pixels: Image
    labels: Image
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class _Crossing:
    """An object that crosses the view: its upper left corner at time 0, its motion and growth per frame."""

    cutout: _Cutout
    start: tuple[float, float]
    velocity: tuple[float, float]
    growth: float

    def place(self, t: int) -> tuple[float, float, float]:
        """Return x and y of the corner, px, and the scale."""
        return self.start[0] + self.velocity[0] * t, self.start[1] + self.velocity[1] * t, self.growth**t


@dataclass(frozen=True)
class SyntheticVideo:
    """Frames, and what is true of them.

    Attributes:
        frames: image (H, W, 3) uint8 RGB and labels (H, W) uint8 of each.
    """

    frames: list[tuple[Image, Image]]
    _camera: Camera
    _crossings: list[_Crossing]
    _layers: list[NDArray[np.uint8]]  # of each frame: what is seen; 0 the still, n the n-th object
    _backwards: bool

    def motion(self, now: int, then: int) -> TrueMotion:
        """Return how frame ``now`` moved since frame ``then``; both are indices into `frames`, in any order."""
        last = len(self.frames) - 1
        t, before = (last - now, last - then) if self._backwards else (now, then)
        xs, ys = grid(self._layers[t].shape)
        still = self._camera.to_still(t)
        at = self._camera.from_still(before, *still)
        shown = (_sample(coordinate, at, cv2.INTER_LINEAR) for coordinate in self._camera.to_still(before))
        same = np.hypot(*(a - b for a, b in zip(shown, still, strict=True))) < SAME
        visible = same & _inside(*still, xs.shape)
        for number, crossing in enumerate(self._crossings, 1):
            x, y, scale = crossing.place(t)
            x_then, y_then, scale_then = crossing.place(before)
            covered = self._layers[t] == number
            moved = (xs - x) / scale * scale_then + x_then, (ys - y) / scale * scale_then + y_then
            at = (
                np.where(covered, moved[0], at[0]).astype(np.float32),
                np.where(covered, moved[1], at[1]).astype(np.float32),
            )
            visible |= covered
        layer = _sample(self._layers[before], at, cv2.INTER_NEAREST)
        visible &= (layer == self._layers[t]) & _inside(*at, xs.shape)
        return TrueMotion(np.stack([at[0] - xs, at[1] - ys], -1), visible)


def synthetic_video(
    image: Image,
    labels: Image,
    others: list[tuple[Image, Image]],
    length: int,
    rng: Generator,
    roles: SceneClasses,
    ranges: SceneMotion | None = None,
) -> SyntheticVideo:
    """Return a video of ``length`` frames; the still is the first or, backwards, the last.

    Args:
        image: the still, (H, W, 3) uint8 RGB.
        labels: its labels, (H, W) uint8, 255 = void.
        others: stills to cut objects from.
        length: number of frames.
        rng: source of all randomness.
        roles: which classes are sky, ground and movable.
        ranges: how far to go.
    """
    ranges = ranges or SceneMotion()
    height, width = labels.shape
    speed = rng.uniform(0.0, ranges.speed)
    focus = width * rng.uniform(0.35, 0.65), height * rng.uniform(0.35, 0.5)
    turn = rng.normal(0, ranges.turn[0]), rng.normal(0, ranges.turn[1])
    crossings = [
        _crossing(rng, others, roles, (height, width), ranges.pace) for _ in range(rng.integers(0, ranges.cutouts + 1))
    ]
    light, sharp = rng.normal(0, ranges.light), rng.random() < ranges.blur
    corners = rng.normal(0, ranges.homography, (4, 2)).astype(np.float32) if ranges.homography else None
    camera = Camera(inverse_depth(labels, roles), focus, speed, turn, corners)
    frames, layers = [], []
    for t in range(length):
        still = camera.to_still(t)
        pixels, ids = _sample(image, still, cv2.INTER_LINEAR), _sample(labels, still, cv2.INTER_NEAREST)
        layer: NDArray[np.uint8] = np.zeros(labels.shape, np.uint8)
        for number, crossing in enumerate(crossings, 1):
            _paste(pixels, ids, layer, crossing, t, number)
        if sharp and rng.random() < 0.5:
            pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.0)), np.uint8)
        drifted = pixels * (1 + light * t) + rng.normal(0, ranges.noise, pixels.shape)
        frames.append((np.clip(drifted, 0, 255).astype(np.uint8), ids))
        layers.append(layer)
    backwards = bool(rng.random() < 0.5)
    return SyntheticVideo(frames[::-1] if backwards else frames, camera, crossings, layers, backwards)


def _sample(image: NDArray[Any], at: tuple[Map, Map], how: int) -> NDArray[Any]:
    return cv2.remap(image, *at, how, borderMode=cv2.BORDER_REPLICATE)


def _inside(xs: Map, ys: Map, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    return (xs >= 0) & (xs <= shape[1] - 1) & (ys >= 0) & (ys <= shape[0] - 1)


def _crossing(
    rng: Generator, others: list[tuple[Image, Image]], roles: SceneClasses, size: tuple[int, int], pace: float
) -> _Crossing:
    cutout = _cut(rng, *others[rng.integers(len(others))], roles)
    start = rng.uniform(0, size[1]), rng.uniform(0.35, 0.75) * size[0]
    return _Crossing(cutout, start, (rng.normal(0, pace), rng.normal(0, 0.7)), float(rng.uniform(0.98, 1.03)))


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


def _paste(pixels: Image, ids: Image, layer: Image, crossing: _Crossing, t: int, number: int) -> None:
    cutout = crossing.cutout
    if not cutout.mask.size:
        return
    x, y, scale = crossing.place(t)
    matrix = np.array([[scale, 0, x], [0, scale, y]], np.float32)
    size = pixels.shape[1], pixels.shape[0]
    mask = cv2.warpAffine(cutout.mask.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST).astype(bool)
    moved = cv2.warpAffine(np.ascontiguousarray(cutout.pixels), matrix, size, borderMode=cv2.BORDER_REPLICATE)
    labels = cv2.warpAffine(np.ascontiguousarray(cutout.labels), matrix, size, flags=cv2.INTER_NEAREST)
    pixels[mask], ids[mask], layer[mask] = moved[mask], labels[mask], number
