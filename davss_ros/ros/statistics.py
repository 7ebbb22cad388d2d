# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What the node counts and measures of one camera."""

import time
from collections import Counter, deque
from dataclasses import dataclass
from threading import Lock

import numpy as np

from davss_ros.core.result import FrameResult

WINDOW = 1000  # frames over which percentiles and means are taken
BESIDE = ('lost',)  # counted, though never received
HARMLESS = ('unwatched', 'disabled', 'inactive')  # left out because somebody wanted it so


@dataclass(frozen=True)
class Report:
    """A snapshot; counts since the node was configured, the rest over the last `WINDOW` frames."""

    when: float  # monotonic, s
    received: int
    published: int
    key_frames: dict[str, int]  # reason -> frames
    unfinished: dict[str, int]  # reason -> frames received but not published
    failures: int  # failed frames in a row, up to now
    silence: float  # s since the last frame came, or since activation
    key_age: float  # s since the last key frame was published
    distance: int  # frames from the key frame, of the last frame published
    latency_ms: dict[str, float]  # p50, p95, p99: from reception to the last output sent
    stage_ms: dict[str, float]
    mean_distortion: float
    last_error: str

    @property
    def waiting(self) -> int:
        """Frames received that are still on their way."""
        gone = sum(count for reason, count in self.unfinished.items() if reason not in BESIDE)
        return self.received - self.published - gone


class Statistics:
    """Thread-safe counters.

    ``received = published + sum(unfinished) + waiting``. Reasons: ``dropped`` (a newer frame came before its turn, or
    the queue was full), ``refused`` (not a valid image), ``failed`` (the networks failed on it), ``unwatched`` (nobody
    subscribes), ``disabled`` (by the service), ``inactive`` (it waited when the node was deactivated), and ``lost`` (on
    the wire; these were never received and are counted beside).
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._received = self._published = self._failures = self._distance = 0
        self._keys: Counter[str] = Counter()
        self._unfinished: Counter[str] = Counter()
        self._latency: deque[float] = deque(maxlen=WINDOW)
        self._results: deque[tuple[dict[str, float], float]] = deque(maxlen=WINDOW)
        self._last_frame = self._last_key = time.monotonic()
        self._last_error = ''

    def activate(self) -> None:
        """Begin to wait for frames."""
        with self._lock:
            self._last_frame = time.monotonic()

    def receive(self) -> None:
        """Count a message."""
        with self._lock:
            self._received += 1
            self._last_frame = time.monotonic()

    def leave(self, reason: str, error: str = '', count: int = 1) -> None:
        """Count messages that will not come out."""
        with self._lock:
            self._unfinished[reason] += count
            self._failures += reason == 'failed'
            self._last_error = error or self._last_error

    def publish(self, result: FrameResult, latency: float) -> None:
        """Count a frame that came out, ``latency`` s after it was received."""
        with self._lock:
            self._published += 1
            self._failures = 0
            self._distance = result.distance
            if result.key_reason:
                self._keys[result.key_reason] += 1
                self._last_key = time.monotonic()
            self._latency.append(latency * 1000)
            self._results.append((result.timings, result.mean_distortion))

    def report(self) -> Report:
        """Return a snapshot."""
        with self._lock:
            now = time.monotonic()
            latency, results = np.array(self._latency), list(self._results)
            stages: dict[str, list[float]] = {}
            for timings, _ in results:
                for stage, value in timings.items():
                    stages.setdefault(stage, []).append(value)
            return Report(
                when=now,
                received=self._received,
                published=self._published,
                key_frames=dict(self._keys),
                unfinished={reason: count for reason, count in self._unfinished.items() if count},
                failures=self._failures,
                silence=now - self._last_frame,
                key_age=now - self._last_key,
                distance=self._distance,
                latency_ms={f'p{p}': float(np.percentile(latency, p)) if latency.size else 0.0 for p in (50, 95, 99)},
                stage_ms={stage: float(np.mean(values)) for stage, values in stages.items()},
                mean_distortion=float(np.mean([d for _, d in results])) if results else 0.0,
                last_error=self._last_error,
            )
