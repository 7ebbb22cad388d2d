# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Calibration of scaled images, against points projected by OpenCV and images scaled by it."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from davss_ros.ros.camera_info import scaled

HEADER = Header(frame_id='front_optical')
POINTS = np.array([[0.1, -0.2, 2.0], [-0.4, 0.3, 3.0], [0.9, 0.6, 4.0], [0.0, 0.0, 1.0]])
DISTORTION = [-0.2, 0.05, 0.001, -0.002, 0.01]
BASELINE = 0.12  # m


def calibration(width: int = 640, height: int = 480) -> CameraInfo:
    info = CameraInfo(width=width, height=height, distortion_model='plumb_bob', d=DISTORTION)
    info.header.frame_id = 'someone_else'
    fx, fy, cx, cy = 0.9 * width, 0.95 * width, 0.52 * width, 0.47 * height
    info.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    info.p = [fx, 0.0, cx, -fx * BASELINE, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    info.r = cv2.Rodrigues(np.array([0.01, -0.02, 0.03]))[0].ravel().tolist()
    return info


def by_k(info: CameraInfo) -> NDArray[np.float64]:
    """Pixels of `POINTS` in the raw image."""
    zero = np.zeros(3)
    found, _ = cv2.projectPoints(POINTS, zero, zero, np.reshape(info.k, (3, 3)), np.array(info.d))
    return np.asarray(found[:, 0], np.float64)


def by_p(info: CameraInfo) -> NDArray[np.float64]:
    """Pixels of `POINTS` in the rectified image."""
    rectified = POINTS @ np.reshape(info.r, (3, 3)).T
    homogeneous = np.c_[rectified, np.ones(len(POINTS))] @ np.reshape(info.p, (3, 4)).T
    return homogeneous[:, :2] / homogeneous[:, 2:]


def edges(pixels: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Pixel centres (0 is that of the first) as shares of the image's width and height."""
    return (pixels + 0.5) / size


@pytest.mark.parametrize('size', [(320, 240), (1280, 960), (480, 272), (213, 999)])
def test_points_keep_their_place_in_the_scene(size: tuple[int, int]) -> None:
    info = calibration()
    out = scaled(info, *size, HEADER)
    assert (out.width, out.height) == size
    np.testing.assert_allclose(edges(by_k(out), size), edges(by_k(info), (640, 480)), atol=1e-9)
    np.testing.assert_allclose(edges(by_p(out), size), edges(by_p(info), (640, 480)), atol=1e-9)
    assert (list(out.d), list(out.r), out.distortion_model) == (list(info.d), list(info.r), 'plumb_bob')
    assert out.header == HEADER and info.header.frame_id == 'someone_else'
    assert info == calibration()  # untouched


def test_points_are_where_an_image_scaled_by_opencv_shows_them() -> None:
    info = calibration()
    picture = np.zeros((480, 640), np.float32)
    x, y = np.rint(by_k(info)[0]).astype(int)
    info.k[2] += x - by_k(info)[0, 0]  # the point falls on a pixel
    info.k[5] += y - by_k(info)[0, 1]
    picture[y, x] = 1
    small = cv2.resize(picture, (128, 96), interpolation=cv2.INTER_AREA)
    rows, columns = np.nonzero(small)
    assert len(rows) == 1
    found = by_k(scaled(info, 128, 96, HEADER))[0]
    assert abs(found[0] - columns[0]) <= 0.5 and abs(found[1] - rows[0]) <= 0.5


def test_an_image_of_that_size_and_one_of_no_size_keep_their_numbers() -> None:
    for info in (calibration(), calibration()):
        out = scaled(info, 640, 480, HEADER)
        assert (list(out.k), list(out.p), out.header) == (list(info.k), list(info.p), HEADER)
    unknown = calibration()
    unknown.width = unknown.height = 0
    assert list(scaled(unknown, 320, 240, HEADER).k) == list(unknown.k)


def test_a_part_of_the_sensor_or_binned_pixels_are_not_scaled_but_as_the_camera_says() -> None:
    # REP 104: K is of the full resolution; region of interest and binning tell what the image is of it
    part = calibration()
    part.roi = RegionOfInterest(x_offset=100, y_offset=60, width=320, height=240)
    assert scaled(part, 320, 240, HEADER).k.tolist() == part.k.tolist()
    half = scaled(part, 160, 120, HEADER)
    assert (half.width, half.height) == (320, 240)
    assert (half.roi.x_offset, half.roi.y_offset, half.roi.width, half.roi.height) == (50, 30, 160, 120)
    np.testing.assert_allclose(edges(by_k(half), (320, 240)), edges(by_k(part), (640, 480)), atol=1e-9)
    binned = calibration()
    binned.binning_x, binned.binning_y = 2, 4
    same = scaled(binned, 320, 120, HEADER)
    assert (same.width, same.binning_x, same.k.tolist()) == (640, 2, binned.k.tolist())
    assert scaled(binned, 160, 60, HEADER).width == 320


def test_absurd_claims_make_no_error() -> None:
    info = calibration(1, 1)
    info.roi = RegionOfInterest(x_offset=2**32 - 1, y_offset=2**32 - 1, width=1, height=1)
    info.k = [float('nan')] * 9
    assert scaled(info, 8192, 8192, HEADER).roi.x_offset == 2**32 - 1
