# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A camera's calibration for images of another size (sensor_msgs/CameraInfo, REP 104)."""

from copy import deepcopy

from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header


def scaled(info: CameraInfo, width: int, height: int, header: Header) -> CameraInfo:
    """Return ``info`` for its image scaled to ``width`` x ``height`` px, under ``header``.

    Pixels are areas, so a centre c moves to (c + 0.5) s - 0.5. Distortion and rectification are free of size; a region
    of interest scales along, and binning stays. An info that does not say its size is taken to be of that size already.
    """
    out = deepcopy(info)
    out.header = header
    roi = out.roi
    image_width, image_height = _image_size(info)
    if not (image_width and image_height) or (image_width, image_height) == (width, height):
        return out
    across, down = width / image_width, height / image_height
    out.width, out.height = _pixels(info.width * across), _pixels(info.height * down)
    out.k, out.p = list(out.k), list(out.p)
    for matrix, row in ((out.k, 3), (out.p, 4)):
        matrix[0] *= across
        matrix[1] *= across  # skew
        matrix[2] = (matrix[2] + 0.5) * across - 0.5
        matrix[row + 1] *= down
        matrix[row + 2] = (matrix[row + 2] + 0.5) * down - 0.5
    out.p[3] *= across  # -fx' baseline
    out.p[7] *= down
    roi.x_offset, roi.width = _pixels(roi.x_offset * across), _pixels(roi.width * across)
    roi.y_offset, roi.height = _pixels(roi.y_offset * down), _pixels(roi.height * down)
    return out


def aspect_differs(info: CameraInfo, width: int, height: int) -> bool:
    """Return whether an image of ``width`` x ``height`` px cannot be the one that ``info`` is for, scaled."""
    image_width, image_height = _image_size(info)
    # a side may be off by half a pixel for each time that the image was scaled
    return abs(image_width * height - image_height * width) > max(image_width, image_height, width, height)


def _image_size(info: CameraInfo) -> tuple[int, int]:
    """Return (width, height) of its image: a part of the sensor, all of it if that is empty, binned; 0 if not said."""
    width, height = info.roi.width or info.width, info.roi.height or info.height
    return width // max(info.binning_x, 1), height // max(info.binning_y, 1)


def _pixels(length: float) -> int:
    """Return whole px as the message can hold them, whatever the camera claimed."""
    return min(round(length), 2**32 - 1)
