# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What a labelled still says of the scene's depth, and where a camera that moves through it sees what."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import SemanticClass

Image = NDArray[np.uint8]
Map = NDArray[np.float32]  # (H, W), one coordinate of every pixel

NAMES = {  # of classes in street data, without case, spaces and underscores
    'sky': ('sky',),
    'ground': ('road', 'pavement', 'sidewalk', 'terrain', 'ground', 'parking', 'lanemarking', 'roadshoulder'),
    'movable': (
        *('pole', 'columnpole', 'signsymbol', 'trafficlight', 'trafficsign', 'pedestrian', 'person', 'rider', 'child'),
        *('bicyclist', 'bicycle', 'motorcycle', 'motorcyclescooter', 'car', 'truck', 'bus', 'train', 'animal'),
        *('suvpickuptruck', 'truckbus', 'cartluggagepram'),
    ),
}


@dataclass(frozen=True)
class SceneClasses:
    """Which class ids play which part; without any, the scene is one plane that nothing crosses."""

    sky: tuple[int, ...] = ()
    ground: tuple[int, ...] = ()
    movable: tuple[int, ...] = ()  # cut out and pasted


def scene_classes(classes: Sequence[SemanticClass]) -> SceneClasses:
    """Return the parts that ``classes`` play by their names, as CamVid and Cityscapes call them."""
    plain = [re.sub(r'[^a-z]', '', c.name.lower()) for c in classes]
    return SceneClasses(
        **{part: tuple(number for number, name in enumerate(plain) if name in names) for part, names in NAMES.items()}
    )


def inverse_depth(labels: Image, roles: SceneClasses) -> Map:
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


@dataclass(frozen=True)
class Camera:
    """A camera that drives into a still, turns and shakes; time t is counted in frames, 0 shows the still itself.

    Attributes:
        near: inverse depth of the still, (H, W).
        focus: (x, y) of the point it drives to, px.
        speed: share of the depth at the image's foot that it advances a frame.
        turn: (x, y) px a frame.
        corners: (4, 2) px a frame that the image's corners move: a homography, of a camera that rolls and tilts.
    """

    near: Map
    focus: tuple[float, float]
    speed: float
    turn: tuple[float, float]
    corners: Map | None = None

    def to_still(self, t: int) -> tuple[Map, Map]:
        """Return, for every pixel of the view at ``t``, where in the still it comes from (x and y)."""
        seen_x, seen_y = self._homography(t, *grid(self.near.shape), back=True)
        seen_x, seen_y = seen_x + np.float32(self.turn[0] * t), seen_y + np.float32(self.turn[1] * t)
        depth = cv2.dilate(self.near, np.ones((5, 5), np.uint8))  # what is near covers what is far
        source_x, source_y = seen_x, seen_y
        for _ in range(4):  # the depth is known in the still, so find the point whose motion ends here
            shrink = self._shrink(t, depth)
            source_x = np.float32(self.focus[0]) + (seen_x - np.float32(self.focus[0])) * shrink
            source_y = np.float32(self.focus[1]) + (seen_y - np.float32(self.focus[1])) * shrink
            depth = cv2.remap(self.near, source_x, source_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        return source_x, source_y

    def from_still(self, t: int, source_x: Map, source_y: Map) -> tuple[Map, Map]:
        """Return where the view at ``t`` shows points of the still, be they covered or outside of the view."""
        depth = cv2.remap(self.near, source_x, source_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        shrink = self._shrink(t, depth)
        seen_x = np.float32(self.focus[0]) + (source_x - np.float32(self.focus[0])) / shrink
        seen_y = np.float32(self.focus[1]) + (source_y - np.float32(self.focus[1])) / shrink
        return self._homography(t, seen_x - np.float32(self.turn[0] * t), seen_y - np.float32(self.turn[1] * t))

    def _shrink(self, t: int, depth: NDArray[Any]) -> Map:
        return np.maximum(1 - self.speed * t * depth, 0.3).astype(np.float32)

    def _homography(self, t: int, xs: Map, ys: Map, back: bool = False) -> tuple[Map, Map]:
        if self.corners is None:
            return xs, ys
        height, width = self.near.shape
        ends = np.array([(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)], np.float32)
        pair = ends, (ends + self.corners * t).astype(np.float32)
        matrix = cv2.getPerspectiveTransform(*(pair[::-1] if back else pair))
        moved = cv2.perspectiveTransform(np.stack([xs, ys], -1).astype(np.float64), matrix).astype(np.float32)
        return moved[..., 0], moved[..., 1]


def grid(shape: tuple[int, ...]) -> tuple[Map, Map]:
    """Return x and y of every pixel, float32 (H, W) each."""
    xs, ys = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    return xs, ys
