# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The node between publishers and subscribers that are not ours, over real DDS: one node, a camera for every test."""

from typing import Any

import pytest
from sensor_msgs.msg import CompressedImage

OUTPUTS = {  # name -> encoding, bytes a pixel, largest value
    'label': ('mono8', 1, 10),
    'distortion': ('32FC1', 4, 1),
    'label_color': ('rgb8', 3, 255),
    'overlay': ('rgb8', 3, 255),
    'distortion_color': ('rgb8', 3, 255),
}
FRAMES = 12


@pytest.fixture(scope='module')
def node(module_processes: Any) -> Any:
    spoilt = ('rgb8', 'png', 'jpg')
    return module_processes.node(
        f'cameras:=[big, loose, {", ".join(spoilt)}]',
        'policy:=every_frame',
        'png.image_transport:=compressed',
        'jpg.image_transport:=compressed',
        *(f'qos_overrides./davss/{camera}/label.publisher.depth:={FRAMES}' for camera in spoilt),  # nothing is missed
    )


@pytest.mark.usefixtures('node')
@pytest.mark.parametrize(
    ('camera', 'reliability', 'size', 'form'),
    [
        ('big', 'reliable', (480, 640), []),
        ('loose', 'best_effort', (240, 320), ['--encoding', 'bgr8', '--padding', '20']),
    ],
)
def test_images_come_back_with_their_headers(
    processes: Any, camera: str, reliability: str, size: tuple[int, int], form: list[str]
) -> None:
    height, width = size
    topics = {f'/davss/{camera}/{name}': form for name, form in OUTPUTS.items()}
    viewer = processes.peer('listen', '--expect', str(FRAMES), *topics)
    viewer.wait_for('ready')
    words = ['--topic', f'{camera}/image', '--width', str(width), '--height', str(height), *form]
    player = processes.peer('publish', '--count', '1000', '--rate', '8', '--reliability', reliability, *words)
    assert viewer.process.wait(timeout=150) == 0
    player.stop()
    arrived = [line for line in viewer.lines() if 'topic' in line]
    for topic, (encoding, pixel_bytes, largest) in topics.items():
        images = [line for line in arrived if line['topic'] == topic]
        assert len(images) >= FRAMES
        numbers = [line['number'] for line in images]
        assert numbers == sorted(set(numbers)) and set(numbers) <= set(range(1000))
        for line in images:
            assert line['nanosec'] == 7 * line['number']
            assert line['frame_id'] == 'front_optical'
            assert line['encoding'] == encoding
            assert line['size'] == [height, width]
            assert line['step'] == width * pixel_bytes
            assert line['bytes'] == height * width * pixel_bytes
            assert 0 <= line['low'] <= line['high'] <= largest
    assert any(line['high'] > 0 for line in arrived if line['topic'] == f'/davss/{camera}/distortion')


@pytest.mark.parametrize(
    ('camera', 'complaint'), [('rgb8', 'data: expected 230400 bytes'), ('png', 'broken png'), ('jpg', '')]
)
def test_a_bad_frame_is_counted_and_the_next_good_one_served(
    processes: Any, node: Any, camera: str, complaint: str
) -> None:
    spoil = 3 if complaint else 0  # half a jpeg is one that OpenCV shows with a grey rest
    good = [number for number in range(FRAMES) if not spoil or number % spoil != spoil - 1]
    viewer = processes.peer('listen', '--expect', str(len(good)), f'/davss/{camera}/label')
    viewer.wait_for('ready')
    form = ['--count', str(FRAMES), '--rate', '10', '--spoil', str(spoil), '--encoding', camera]
    player = processes.peer('publish', '--topic', f'{camera}/image', *form)
    assert player.process.wait(timeout=150) == 0
    assert viewer.process.wait(timeout=150) == 0
    assert [line['number'] for line in viewer.lines() if 'topic' in line] == good
    complaints = [line for line in node.said().splitlines() if f'{camera} (/{camera}/image' in line]
    assert all('frame refused' in line and complaint in line for line in complaints)
    assert bool(complaints) == bool(complaint)


@pytest.mark.parametrize(
    ('rules', 'place'),
    [
        (['~/label:=/ground'], '/ground/compressed'),
        (['~/label:=/ground', '~/label/compressed:=/png'], '/png'),
        ([], '/davss/label/compressed'),
    ],
)
def test_the_compressed_label_goes_where_the_label_is_remapped_to(
    running: Any, tiny_model: Any, rules: list[str], place: str
) -> None:
    node = running(tiny_model, cli_args=['--ros-args', *(word for rule in rules for word in ('-r', rule))])
    # its own list, not the graph's by name: the node that the other tests of this file share is a /davss, too
    assert [publisher.topic_name for publisher in node.publishers if publisher.msg_type is CompressedImage] == [place]


def test_compressed_images_follow_a_remapped_image_topic(running: Any, tiny_model: Any) -> None:
    words = ['--ros-args', '-r', 'image:=/front/image_raw']
    node = running(tiny_model, image_transport='compressed', cli_args=words)
    assert node.cameras[''].topic == '/front/image_raw/compressed'
    assert node.count_subscribers('/front/camera_info') == 2  # a volatile and a latched one
    assert node.count_subscribers('/front/image_raw/compressed') == 1
