# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``replay``: a video file, an image folder or a rosbag2 as a camera topic."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence

from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.utilities import ok, try_shutdown
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from davss_ros.core.config import SegmenterConfig
from davss_ros.errors import DavssError
from davss_ros.images.bit_depth import AUTO, BIT_DEPTH_HELP
from davss_ros.recordings.arguments import add_strict, add_topic, not_below_zero, not_negative, rate
from davss_ros.recordings.bag import BagSource
from davss_ros.recordings.frame import Frame, FrameSource
from davss_ros.recordings.open import open_source
from davss_ros.recordings.pacing import paced
from davss_ros.ros.encode import encode
from davss_ros.ros.signals import Ending
from davss_ros.ros.start import plain_arguments, start_ros

WAIT_STEP = 0.05  # s
LONGEST_GAP = SegmenterConfig().longest_gap  # s; what the node takes for consecutive


class Replay(Node):
    """Publishes a source's frames on ``image``."""

    def __init__(self, options: argparse.Namespace, ending: Ending) -> None:
        super().__init__('replay')
        self._ending = ending
        self._source: FrameSource = open_source(
            options.source,
            topic=options.topic,
            strict=options.strict,
            bit_depth=options.bit_depth,
            say=self.get_logger().warning,
        )
        self._options = options
        self._keeps_stamps = options.stamps == 'own' or (
            options.stamps == 'auto' and isinstance(self._source, BagSource)
        )
        reliability = ReliabilityPolicy[options.reliability.upper()]
        # deep enough that a reliable reader that stalls for a moment misses nothing
        profile = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=50, reliability=reliability)
        self._images = self.create_publisher(Image, 'image', profile)
        self._clock_publisher = self.create_publisher(Clock, '/clock', 10) if options.clock else None
        self.published = 0

    def run(self) -> None:
        """Publish everything at its own rate, or the one asked for; returns at the end, or when told to."""
        self._wait_for_subscriber()
        rate = self._options.rate or self._source.rate
        self.get_logger().info(f'{self._source.name}: {self._source.count or "?"} frames at {rate:g} Hz')
        began, start = self.get_clock().now().nanoseconds, time.monotonic()
        for frame, due in self._frames():
            while self._wanted() and (left := start + due / 1e9 - time.monotonic()) > 0:
                time.sleep(min(left, WAIT_STEP))
            if not self._wanted():
                break
            self._publish(frame, frame.stamp if self._keeps_stamps else began + due)
        if self._options.reliability == 'reliable':
            self._wait_until_delivered()
        self.get_logger().info(f'{self.published} frames published')

    def _frames(self) -> Iterator[tuple[Frame, int]]:
        """Yield frames with the time each is due, ns from the start; looped, each round follows on the last one."""
        rate = self._options.rate
        period = round(1e9 / (rate or self._source.rate))
        count, base = 0, 0
        while True:
            fixed = ((frame, number * period) for number, frame in enumerate(self._source))
            due = 0
            for frame, after in fixed if rate else paced(self._source, LONGEST_GAP):
                due = base + after
                yield frame, due
                count += 1
                if count == self._options.count:
                    return
            if not self._options.loop:
                return
            base = due + period

    def _publish(self, frame: Frame, stamp: int) -> None:
        when = Time(sec=stamp // 10**9, nanosec=stamp % 10**9)
        if self._clock_publisher is not None:
            self._clock_publisher.publish(Clock(clock=when))
        header = Header(stamp=when, frame_id=frame.frame_id or self._options.frame_id)
        self._images.publish(encode(frame.image, header))
        self.published += 1

    def _wanted(self) -> bool:
        return ok() and not self._ending.requested

    def _wait_until_delivered(self) -> None:
        """Wait 5 s at most: a writer that is gone delivers nothing more."""
        until = time.monotonic() + 5.0
        while self._wanted() and time.monotonic() < until:
            if self._images.wait_for_all_acked(Duration(seconds=WAIT_STEP)):
                return

    def _wait_for_subscriber(self) -> None:
        """Wait until enough listen, so that no frame is sent to nobody."""
        until = time.monotonic() + self._options.wait
        wanted = self._options.subscribers
        if self._options.wait and self._images.get_subscription_count() < wanted:
            listeners = f'{wanted} subscriber{"s" * (wanted > 1)} of {self._images.topic_name}'
            self.get_logger().info(f'waiting for {listeners}, up to {self._options.wait:g} s')
        while self._wanted() and time.monotonic() < until and self._images.get_subscription_count() < wanted:
            time.sleep(WAIT_STEP)
        found = self._images.get_subscription_count()
        if self._wanted() and found < wanted:
            self.get_logger().warning(
                f'{self._images.topic_name}: {found} of {wanted} subscribers after {self._options.wait:g} s; starting'
            )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser('replay', description=__doc__)
    parser.add_argument('source', help='video file, image folder or rosbag2 (folder, .mcap, .db3)')
    add_topic(parser)
    add_strict(parser)
    parser.add_argument('--bit-depth', default=AUTO, help=BIT_DEPTH_HELP)
    parser.add_argument('--rate', type=rate, default=0.0, help="frames per second; 0, the default: the source's own")
    parser.add_argument('--loop', action='store_true', help='start again at the end')
    parser.add_argument('--count', type=not_negative, default=0, help='stop after that many frames; 0: at the end')
    parser.add_argument('--clock', action='store_true', help="publish every frame's stamp on /clock")
    parser.add_argument(
        '--stamps',
        choices=('auto', 'own', 'now'),
        default='auto',
        help="the source's own stamps, or the time of replay (auto: own for a bag, now for the rest)",
    )
    parser.add_argument('--frame-id', default='camera', help='frame_id where the source has none')
    parser.add_argument('--reliability', choices=('reliable', 'best_effort'), default='reliable')
    parser.add_argument('--subscribers', type=not_negative, default=1, help='start once so many listen; default: 1')
    parser.add_argument('--wait', type=not_below_zero, default=30.0, help='seconds to wait for them; default: 30')
    return plain_arguments(parser, arguments)


def main(arguments: Sequence[str], ending: Ending) -> int:
    """Replay until the end, or until told to end; return the exit status."""
    try:
        options = _options(arguments)
        start_ros('replay', arguments)
        ending.defer()
        replay = Replay(options, ending)
        replay.run()
        print(json.dumps({'published': replay.published}), flush=True)
        replay.destroy_node()
    except DavssError as error:
        print(f'replay: {error}', file=sys.stderr)
        return 1
    finally:
        try_shutdown()
    return 0
