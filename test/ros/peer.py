# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A camera and a viewer in plain rclpy, nothing of ours: run as processes beside the node.

peer.py publish --count 20 --rate 10 --reliability best_effort --width 320 --height 240 ...
peer.py listen --expect 20 TOPIC ...      prints a JSON line for every image that arrives
"""

import argparse
import json
import time
import zlib
from array import array
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

NUMPY = {'mono8': np.uint8, 'rgb8': np.uint8, 'bgr8': np.uint8, '32FC1': np.float32}


def picture(number: int, height: int, width: int, tint: int = 0) -> np.ndarray:
    """A street of sorts: sky, road, and a box that moves 2 px a frame; ``tint`` tells cameras apart."""
    frame = np.full((height, width, 3), (90, 90, 95), np.uint8)
    frame[: height // 2] = (200, 210, 230)
    left = width // 4 + 2 * number
    frame[height // 3 : height * 2 // 3, left : left + width // 5] = (30, 30, 160)
    frame[..., 1] += np.uint8(tint)
    return np.roll(frame, 3 * tint, 1)


def image_header(number: int) -> Header:
    """Ten frames a second, and a few ns to recognise."""
    stamp = Time(sec=1000 + number // 10, nanosec=number % 10 * 10**8 + 7 * number)
    return Header(frame_id='front_optical', stamp=stamp)


def header(options: argparse.Namespace, number: int) -> Header:
    if not options.now:
        return image_header(number)
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    return Header(frame_id=f'{options.width}x{options.height}', stamp=Time(sec=seconds, nanosec=nanoseconds))


def image(options: argparse.Namespace, number: int) -> Image:
    message = Image(
        height=options.height, width=options.width, encoding=options.encoding, header=header(options, number)
    )
    pixels = picture(number, options.height, options.width, options.tint)
    if options.encoding == 'bgr8':
        pixels = pixels[..., ::-1]
    rows = np.zeros((options.height, options.width * 3 + options.padding), np.uint8)
    rows[:, : options.width * 3] = pixels.reshape(options.height, -1)
    message.step = rows.shape[1]
    message.data = array('B', rows.tobytes())
    if options.spoil and number % options.spoil == options.spoil - 1:
        message.data = message.data[: len(message.data) // 2]
    return message


def compressed(options: argparse.Namespace, number: int) -> CompressedImage:
    pixels = picture(number, options.height, options.width)[..., ::-1]
    data = cv2.imencode(f'.{options.encoding}', pixels)[1].tobytes()
    message = CompressedImage(header=image_header(number), format=options.encoding)
    spoilt = options.spoil and number % options.spoil == options.spoil - 1
    message.data = array('B', data[: len(data) // 2] if spoilt else data)
    return message


def publish(node: Node, options: argparse.Namespace) -> None:
    profile = QoSProfile(depth=50, reliability=ReliabilityPolicy[options.reliability.upper()])
    raw = options.encoding in NUMPY
    kind, make = (Image, image) if raw else (CompressedImage, compressed)
    publisher = node.create_publisher(kind, options.topic if raw else f'{options.topic}/compressed', profile)
    wait(node, publisher.get_subscription_count, f'nobody subscribes to {publisher.topic_name}')
    print(json.dumps({'ready': True}), flush=True)
    start = time.monotonic()
    for number in range(options.count):
        publisher.publish(make(options, number))
        time.sleep(max(0.0, start + (number + 1) / options.rate - time.monotonic()))
    print(json.dumps({'sent': options.count, 'seconds': time.monotonic() - start}), flush=True)
    publisher.wait_for_all_acked(Duration(seconds=30.0))  # a writer that is gone delivers nothing more


def wait(node: Node, done: Callable[[], object], complaint: str) -> None:
    """Serve callbacks until ``done``; the limit only ends what will never be."""
    until = time.monotonic() + 120
    while not done():
        assert time.monotonic() < until, complaint
        rclpy.spin_once(node, timeout_sec=0.05)


def connections(node: Node) -> Callable[[str], bool]:
    """Tell whether the node's writer of a topic has found all readers that there are, as its diagnostics say.

    A reader may know the writer long before the writer knows it, and what is written meanwhile is for nobody.
    """
    found: dict[str, int] = {}

    def note(message: DiagnosticArray) -> None:
        found.clear()
        for status in message.status:
            found.update(json.loads(next((pair.value for pair in status.values if pair.key == 'subscribers'), '{}')))

    node.create_subscription(DiagnosticArray, '/diagnostics', note, 10)
    return lambda topic: found.get(topic, 0) >= max(1, node.count_subscribers(topic))


def describe(topic: str, message: Image) -> dict[str, object]:
    kind = np.dtype(NUMPY[message.encoding])
    values = np.frombuffer(message.data, kind)
    return {
        'topic': topic,
        'number': (message.header.stamp.sec - 1000) * 10 + message.header.stamp.nanosec // 10**8,
        'nanosec': message.header.stamp.nanosec % 10**8,
        'stamp': [message.header.stamp.sec, message.header.stamp.nanosec],
        'frame_id': message.header.frame_id,
        'encoding': message.encoding,
        'size': [message.height, message.width],
        'step': message.step,
        'bytes': len(message.data),
        'digest': zlib.crc32(message.data),
        'low': float(values.min()),
        'high': float(values.max()),
    }


def listen(node: Node, options: argparse.Namespace) -> None:
    arrived: list[str] = []

    def take(topic: str, message: Image) -> None:
        arrived.append(topic)
        print(json.dumps(describe(topic, message)), flush=True)

    for topic in options.topics:
        node.create_subscription(Image, topic, partial(take, topic), QoSProfile(depth=50))
    if not options.early:
        connected = connections(node)
        wait(node, lambda: all(connected(topic) for topic in options.topics), 'not connected to the node')
    print(json.dumps({'ready': True}), flush=True)
    until = time.monotonic() + options.seconds
    while time.monotonic() < until and any(arrived.count(topic) < options.expect for topic in options.topics):
        rclpy.spin_once(node, timeout_sec=0.1)


def main() -> None:
    parser = argparse.ArgumentParser()
    roles = parser.add_subparsers(dest='role', required=True)
    camera = roles.add_parser('publish')
    camera.add_argument('--count', type=int, default=20)
    camera.add_argument('--rate', type=float, default=10)
    camera.add_argument('--reliability', default='reliable')
    camera.add_argument('--encoding', default='rgb8')
    camera.add_argument('--width', type=int, default=320)
    camera.add_argument('--height', type=int, default=240)
    camera.add_argument('--topic', default='image')
    camera.add_argument('--tint', type=int, default=0)
    camera.add_argument('--padding', type=int, default=0)
    camera.add_argument('--spoil', type=int, default=0, help='every n-th image has half its data')
    camera.add_argument('--now', action='store_true', help='stamps of the clock on the wall, the size as frame_id')
    viewer = roles.add_parser('listen')
    viewer.add_argument('topics', nargs='+')
    viewer.add_argument('--early', action='store_true', help='be ready at once; without, when the node knows of us')
    viewer.add_argument('--seconds', type=float, default=120, help='give up after so long')
    viewer.add_argument('--expect', type=int, default=10)
    options = parser.parse_args()
    rclpy.init()
    node = rclpy.create_node(f'peer_{options.role}')
    {'publish': publish, 'listen': listen}[options.role](node, options)
    node.destroy_node()
    rclpy.shutdown()


if __name__ == '__main__':
    main()
