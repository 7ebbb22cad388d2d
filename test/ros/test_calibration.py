# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Which camera_info goes out with which frame."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from davss_ros.core.model import Model
from davss_ros.ros.calibration import SPARE, Calibration


def header(number: int) -> Header:
    made = Header(frame_id='optical')
    made.stamp.sec = number
    return made


def info(number: int, width: int = 64, height: int = 48) -> CameraInfo:
    """That of a zooming camera: its focal length is its number."""
    made = CameraInfo(header=header(number), width=width, height=height)
    made.k[0] = float(number)
    return made


@pytest.fixture
def sent() -> list[CameraInfo]:
    return []


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def calibration(sent: list[CameraInfo], warnings: list[str]) -> Calibration:
    publisher = SimpleNamespace(publish=sent.append, get_subscription_count=lambda: 1)
    return Calibration(publisher, warnings.append)


def pairs(sent: list[CameraInfo]) -> list[tuple[int, int]]:
    """The frame's stamp and whose focal length it got."""
    return [(message.header.stamp.sec, int(message.k[0])) for message in sent]


def test_a_frame_gets_that_of_its_stamp_however_many_came_since(calibration: Calibration, sent: list[Any]) -> None:
    calibration.resize(50)
    for number in range(50 + SPARE):
        calibration.take(info(number + 1))
    for number in (1, 2, 50, 150):
        calibration.publish(header(number), 48, 64)
    assert pairs(sent) == [(1, 1), (2, 2), (50, 50), (150, 150)]
    assert calibration.unpaired == 0
    calibration.take(info(151))  # one more than are kept
    calibration.publish(header(1), 48, 64)
    assert pairs(sent)[-1] == (1, 151) and calibration.unpaired == 1


def test_a_frame_without_its_own_gets_the_last_and_is_counted(calibration: Calibration, sent: list[Any]) -> None:
    calibration.publish(header(1), 48, 64)
    assert not sent and calibration.unpaired == 0  # a camera without a calibration lacks none
    for number in (2, 3):
        calibration.take(info(number))
    calibration.publish(header(4), 48, 64)
    assert pairs(sent) == [(4, 3)] and calibration.unpaired == 1


def test_a_frame_of_a_camera_that_was_left_waits_no_longer(calibration: Calibration, sent: list[Any]) -> None:
    for number in (1, 2):
        calibration.take(info(number))
    calibration.publish_soon(header(3), 48, 64)
    calibration.forget()
    calibration.take(info(3))
    assert not sent


def test_a_frame_that_has_just_come_waits_for_its_own_until_the_next(calibration: Calibration, sent: list[Any]) -> None:
    for number in (1, 2):
        calibration.take(info(number))
    calibration.publish_soon(header(3), 48, 64)
    assert not sent
    calibration.take(info(3))
    assert pairs(sent) == [(3, 3)]
    calibration.publish_soon(header(4), 48, 64)
    calibration.publish_soon(header(5), 48, 64)
    assert pairs(sent) == [(3, 3), (4, 3)] and calibration.unpaired == 1
    calibration.take(info(5))
    assert pairs(sent) == [(3, 3), (4, 3), (5, 5)]


def test_one_for_all_frames_is_waited_for_by_none(calibration: Calibration, sent: list[Any]) -> None:
    calibration.take(info(1))
    calibration.publish_soon(header(7), 48, 64)
    assert pairs(sent) == [(7, 1)]


def test_an_aspect_ratio_that_does_not_fit_is_warned_of_once(calibration: Calibration, warnings: list[str]) -> None:
    calibration.take(info(1, 640, 481))  # rounding
    calibration.publish(header(1), 48, 64)
    calibration.take(info(2, 0, 0))  # does not say
    calibration.publish(header(2), 48, 64)
    assert warnings == []
    calibration.take(info(3, 640, 360))
    for number in (3, 4):
        calibration.publish(header(number), 48, 64)
    assert len(warnings) == 1 and '640x360' in warnings[0] and '64x48' in warnings[0]


def test_a_latched_and_remapped_calibration_is_relayed_for_its_own_subscribers(
    tiny_model: Model, running: Callable[..., Any], client: Any
) -> None:
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    client.node.create_publisher(CameraInfo, '/calibration', latched).publish(info(9, 128, 96))
    node = running(tiny_model, cli_args=['--ros-args', '-r', 'image:=/cam/raw', '-r', 'camera_info:=/calibration'])
    got: list[CameraInfo] = []
    client.node.create_subscription(CameraInfo, '/davss/camera_info', got.append, 9)
    camera = client.node.create_publisher(Image, '/cam/raw', 9)
    client.connect('/davss/camera_info', camera=camera)
    number = 0

    def arrived() -> bool:
        nonlocal number
        number += 1
        camera.publish(
            Image(header=header(number), height=48, width=64, encoding='mono8', step=64, data=bytes(48 * 64))
        )
        client.run_until(lambda: bool(got), 0.2)
        return bool(got)

    client.run_until(arrived, 60)
    assert got and (got[0].width, got[0].k[0], got[0].header.frame_id) == (64, 4.5, 'optical')
    assert node.cameras[''].statistics.report().published == 0  # nobody wanted a label
    assert node.count_subscribers('/cam/camera_info') == 0
