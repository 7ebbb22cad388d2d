# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What a live node would have made of the same frames, by their times of reception and what each took here.

As in `davss_ros.ros.worker` and `.mailbox`: one worker serves the cameras in turn, of each the oldest waiting frame;
under ``drop_old`` a newer frame takes the place of one that waits. Neither the wire nor the conversion of
messages counts, nor that a node with several workers gets through more.
"""

import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.parameters import CameraConfig
from davss_ros.evaluate.bags.timeline import CLOCK_JUMP

Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Coming:
    """A frame that comes in.

    Attributes:
        when: ns.
        reason: why it is a key frame; empty if it is none.
        ms: what it took.
        labels: (H, W) uint8, or None if nobody asks for them.
    """

    when: int
    reason: str
    ms: float
    labels: Labels | None = None


@dataclass(frozen=True)
class Arrival:
    """What is seen when a frame comes in.

    Attributes:
        shown: labels of the last frame that came out, of the same camera; None before the first.
        dropped: frames that this one pushed out.
        latencies: ms from reception to the end, of frames that came out since the last arrival.
    """

    shown: Labels | None
    dropped: int
    latencies: list[float]


@dataclass
class _Camera:
    interval: float
    capacity: int
    waiting: deque[tuple[Coming, bytes, tuple[int, ...]]] = field(default_factory=deque)
    coming_out: deque[tuple[float, bytes, tuple[int, ...]]] = field(default_factory=deque)
    shown: tuple[bytes, tuple[int, ...]] | None = None
    distance: int = -1  # of the last frame served; none yet
    took: dict[bool, float] = field(default_factory=dict)  # key frame or not -> ms of the last one that came


class SimulatedNode:
    """A node that is given frames at their times.

    Args:
        cameras: settings by name.
    """

    def __init__(self, cameras: Mapping[str, CameraConfig]) -> None:
        self._cameras = {
            name: _Camera(
                _interval(config),
                config.node.queue_length if config.node.policy == 'every_frame' else 1,
            )
            for name, config in cameras.items()
        }
        self._turns = deque(self._cameras.values())  # the one whose turn it is first
        self._free = 0.0  # when the worker is, ns
        self._now = 0
        self._latencies: list[float] = []

    def arrive(self, name: str, frame: Coming) -> Arrival:
        """Take a frame of a camera; frames come in the order of their times."""
        if frame.when < self._now - CLOCK_JUMP:  # else a message overtook another
            self._free, self._now = 0.0, frame.when
        self._now = max(self._now, frame.when)
        self._serve_until(frame.when)
        camera = self._cameras[name]
        packed = b'' if frame.labels is None else zlib.compress(frame.labels.tobytes(), 1)
        shape = () if frame.labels is None else frame.labels.shape
        camera.took[bool(frame.reason)] = frame.ms
        dropped = 0
        while len(camera.waiting) >= camera.capacity:
            camera.waiting.popleft()
            dropped += 1
        camera.waiting.append((Coming(frame.when, frame.reason, frame.ms), packed, shape))
        while camera.coming_out and camera.coming_out[0][0] <= frame.when:
            _, labels, size = camera.coming_out.popleft()
            camera.shown = labels, size
        latencies, self._latencies = self._latencies, []
        return Arrival(_unpacked(camera.shown), dropped, latencies)

    def _serve_until(self, when: int) -> None:
        while waiting := [camera for camera in self._cameras.values() if camera.waiting]:
            start = max(self._free, min(camera.waiting[0][0].when for camera in waiting))
            if start >= when:
                return
            self._free = start
            camera = next(camera for camera in self._turns if camera.waiting and camera.waiting[0][0].when <= start)
            while self._turns[-1] is not camera:
                self._turns.rotate(-1)
            self._serve(camera)

    def _serve(self, camera: _Camera) -> None:
        frame, packed, shape = camera.waiting.popleft()
        key = camera.distance < 0 or camera.distance + 1 >= camera.interval or frame.reason not in ('', 'interval')
        self._free += 1e6 * (frame.ms if bool(frame.reason) == key else camera.took.get(key, frame.ms))
        camera.distance = 0 if key else camera.distance + 1
        camera.coming_out.append((self._free, packed, shape))
        self._latencies.append((self._free - frame.when) / 1e6)


def _interval(config: CameraConfig) -> float:
    """Return after how many frames the key network holds one up."""
    settings = config.segmenter
    if settings.mode == 'per_frame':
        return 1
    inline = settings.key_frame_mode == 'inline' and settings.key_frame_policy == 'fixed'
    return settings.key_interval if inline else float('inf')


def _unpacked(shown: tuple[bytes, tuple[int, ...]] | None) -> Labels | None:
    if shown is None or not shown[1]:
        return None
    return np.frombuffer(zlib.decompress(shown[0]), np.uint8).reshape(shown[1])
