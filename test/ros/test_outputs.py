# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What the node publishes of one frame, each topic compared with the others, over DDS."""

import json
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header, String

from davss_ros.core.model import Model
from davss_ros.core.visualize import Painter
from davss_ros.images.messages import decode

HEIGHT, WIDTH = 48, 64
KINDS: dict[str, type[Any]] = {
    'label': Image,
    'label/compressed': CompressedImage,
    'confidence': Image,
    'label_color': Image,
    'overlay': Image,
    'camera_info': CameraInfo,
}


def image(number: int) -> Image:
    """Stripes in every shade of red."""
    message = Image(header=Header(frame_id='optical'), height=HEIGHT, width=WIDTH, encoding='rgb8', step=3 * WIDTH)
    message.header.stamp.sec, message.header.stamp.nanosec = 1000 + number, 123456789
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[..., 0] = np.arange(WIDTH) // 8 * 30
    message.data = array('B', pixels.tobytes())
    return message


def test_outputs_of_one_frame_agree_and_carry_its_header(
    tiny_model: Model, running: Callable[..., Any], client: Any
) -> None:
    running(tiny_model, policy='every_frame', overlay_opacity=1.0)
    got: dict[str, Any] = {}
    for name, kind in KINDS.items():
        client.node.create_subscription(
            kind, f'/davss/{name}', lambda message, name=name: got.update({name: message}), 9
        )
    camera = client.node.create_publisher(Image, '/image', 9)
    calibration = client.node.create_publisher(CameraInfo, '/camera_info', 9)
    client.connect(*(f'/davss/{name}' for name in KINDS), camera=camera)
    info = CameraInfo(width=2 * WIDTH, height=2 * HEIGHT, d=[0.5])
    info.k = [100.0, 0.0, 63.5, 0.0, 90.0, 47.5, 0.0, 0.0, 1.0]
    number = 0

    def arrived() -> bool:  # the calibration may come after the first images
        nonlocal number
        calibration.publish(info)
        camera.publish(image(number))
        number += 1
        client.run_until(lambda: len(got) == len(KINDS), 0.2)
        return len(got) == len(KINDS)

    client.run_until(arrived, 60)
    client.run_until(lambda: len({message.header.stamp.sec for message in got.values()}) == 1, 30)
    assert {(m.header.stamp.sec, m.header.stamp.nanosec, m.header.frame_id) for m in got.values()} == {
        (got['label'].header.stamp.sec, 123456789, 'optical')
    }
    labels = np.frombuffer(got['label'].data, np.uint8).reshape(HEIGHT, WIDTH)
    assert len(np.unique(labels)) >= 6
    png = bytes(got['label/compressed'].data)
    assert png.startswith(b'\x89PNG') and 'png' in got['label/compressed'].format
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED), labels)
    colors = decode(got['label_color'])
    np.testing.assert_array_equal(colors, Painter(tiny_model.classes).colors(labels))
    np.testing.assert_array_equal(decode(got['overlay']), colors)  # all colour, no camera
    confidence = np.frombuffer(got['confidence'].data, np.uint8).reshape(HEIGHT, WIDTH)
    assert got['confidence'].encoding == 'mono8' and confidence.min() < confidence.max()
    scaled = got['camera_info']
    assert (scaled.width, scaled.height, list(scaled.d)) == (WIDTH, HEIGHT, [0.5])
    np.testing.assert_allclose(scaled.k, [50, 0, 31.5, 0, 45, 23.5, 0, 0, 1])  # centres of images stay centres


def test_groups_are_published_in_place_of_classes_under_their_names(
    tiny_model: Model, running: Callable[..., Any], client: Any, tmp_path: Path
) -> None:
    source = tmp_path / 'groups.yaml'
    source.write_text('classes: camvid11\ngroups:\n  ground: {classes: [Road, Pavement], color: [1, 2, 3]}\n')
    running(tiny_model, policy='every_frame', label_groups=True, classes=str(source), overlay_opacity=1.0)
    got: dict[str, Any] = {}
    for name in ('label', 'label_color'):
        client.node.create_subscription(Image, f'/davss/{name}', lambda m, name=name: got.update({name: m}), 9)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    client.node.create_subscription(
        String, '/davss/label_names', lambda m: got.update(names=json.loads(m.data)), latched
    )
    camera = client.node.create_publisher(Image, '/image', 9)
    client.connect('/davss/label', '/davss/label_color', camera=camera)
    camera.publish(image(0))
    client.run_until(lambda: len(got) == 3, 60)
    names = [mapping['class_name'] for mapping in got['names']['class_map']]
    classes = [semantic_class.name for semantic_class in tiny_model.classes]
    assert names == ['ground', *(name for name in classes if name not in ('Road', 'Pavement'))]
    shades = np.arange(WIDTH) // 8 * 30 * 11 // 255  # the classes of the stripes
    expected = [0 if classes[i] in ('Road', 'Pavement') else names.index(classes[i]) for i in shades]
    labels = np.frombuffer(got['label'].data, np.uint8).reshape(HEIGHT, WIDTH)
    assert 0 in expected and (labels == expected)[:, 2::4].mean() > 0.9  # but at the edges of stripes
    assert (decode(got['label_color'])[labels == 0] == (1, 2, 3)).all()


def test_nothing_is_computed_for_nobody(tiny_model: Model, running: Callable[..., Any], client: Any) -> None:
    steps: list[Any] = []

    def key(settings: Any) -> Any:
        steps.append(settings)
        return tiny_model.key(settings)

    node = running(replace(tiny_model, key=key), policy='every_frame')
    warm = len(steps)
    client.node.create_subscription(CameraInfo, '/davss/camera_info', lambda message: None, 9)  # no image
    client.connect('/davss/camera_info')
    camera = client.node.create_publisher(Image, '/image', 9)
    client.connect(camera=camera)
    for number in range(3):
        camera.publish(image(number))
    statistics = node.cameras[''].statistics
    client.run_until(lambda: statistics.report().received == 3 and not statistics.report().waiting, 60)
    assert statistics.report().unfinished == {'unwatched': 3}
    assert len(steps) == warm
