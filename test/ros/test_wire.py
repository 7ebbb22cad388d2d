"""The node between a publisher and a subscriber that are not ours, over real DDS."""

from typing import Any

import pytest

TOPICS = ['/davss/label', '/davss/distortion', '/davss/label_color', '/davss/overlay', '/davss/distortion_color']
FORMS = {  # encoding, bytes a pixel, largest value
    '/davss/label': ('mono8', 1, 10),
    '/davss/distortion': ('32FC1', 4, 1),
    '/davss/label_color': ('rgb8', 3, 255),
    '/davss/overlay': ('rgb8', 3, 255),
    '/davss/distortion_color': ('rgb8', 3, 255),
}


@pytest.mark.parametrize(
    ('reliability', 'form'),
    [('reliable', ['--width', '640', '--height', '480']), ('best_effort', ['--encoding', 'bgr8', '--padding', '20'])],
)
def test_images_come_back_with_their_headers(processes: Any, reliability: str, form: list[str]) -> None:
    processes.node('policy:=every_frame')
    viewer = processes.peer('listen', '--expect', '12', '--seconds', '30', *TOPICS)
    viewer.wait_for('ready')
    camera = processes.peer('publish', '--count', '24', '--rate', '6', '--reliability', reliability, *form)
    assert camera.process.wait(timeout=60) == 0
    assert viewer.process.wait(timeout=60) == 0
    arrived = [line for line in viewer.lines() if 'topic' in line]
    size = [480, 640] if '640' in form else [240, 320]
    for topic in TOPICS:
        encoding, pixel_bytes, largest = FORMS[topic]
        images = [line for line in arrived if line['topic'] == topic]
        assert len(images) >= 12
        numbers = [line['number'] for line in images]
        assert numbers == sorted(set(numbers)) and set(numbers) <= set(range(24))
        for line in images:
            assert line['nanosec'] == 7 * line['number']
            assert line['frame_id'] == 'front_optical'
            assert line['encoding'] == encoding
            assert line['size'] == size
            assert line['step'] == size[1] * pixel_bytes
            assert line['bytes'] == size[0] * size[1] * pixel_bytes
            assert 0 <= line['low'] <= line['high'] <= largest
    assert any(line['high'] > 0 for line in arrived if line['topic'] == '/davss/distortion')


@pytest.mark.parametrize(
    ('encoding', 'complaint'), [('rgb8', 'data: expected 230400 bytes'), ('png', 'broken png'), ('jpg', '')]
)
def test_a_bad_frame_is_counted_and_the_next_good_one_served(processes: Any, encoding: str, complaint: str) -> None:
    transport = 'raw' if encoding == 'rgb8' else 'compressed'
    node = processes.node('policy:=every_frame', f'image_transport:={transport}')
    viewer = processes.peer('listen', '--expect', '8', '--seconds', '30', '/davss/label')
    viewer.wait_for('ready')
    spoil = '3' if complaint else '0'  # half a jpeg is one that OpenCV shows with a grey rest
    camera = processes.peer('publish', '--count', '12', '--rate', '6', '--spoil', spoil, '--encoding', encoding)
    assert camera.process.wait(timeout=60) == 0
    assert viewer.process.wait(timeout=60) == 0
    numbers = [line['number'] for line in viewer.lines() if 'topic' in line]
    if complaint:
        assert numbers == [0, 1, 3, 4, 6, 7, 9, 10]  # every third was spoilt
        assert 'frame refused' in node.said() and complaint in node.said()
    else:
        assert numbers[:8] == list(range(8))
    assert node.stop() == 0


def test_compressed_images_follow_a_remapped_image_topic(processes: Any, client: Any) -> None:
    words = ['-r', 'image:=/front/image_raw', '-p', 'image_transport:=compressed']
    node = processes.start('-m', 'davss_ros', 'davss_node', '--ros-args', *words)
    node.wait_for('active: /front/image_raw/compressed')
    client.run_until(lambda: client.node.count_subscribers('/front/camera_info') > 0)
    assert client.node.count_subscribers('/front/camera_info') == 1
    assert client.node.count_subscribers('/front/image_raw/compressed') == 1
