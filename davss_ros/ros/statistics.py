"""What the node counts and measures of one camera."""

from collections import Counter, deque
from dataclasses import dataclass
from threading import Lock

import numpy as np

from davss_ros.core.result import FrameResult

WINDOW = 1000  # frames over which percentiles and means are taken


@dataclass(frozen=True)
class Report:
    """A snapshot; counts since the start, the rest over the last `WINDOW` frames."""

    received: int
    published: int
    key_frames: int
    unfinished: dict[str, int]  # reason -> frames received but not published
    latency_ms: dict[str, float]  # p50, p95, p99: from reception to the last output sent
    stage_ms: dict[str, float]
    mean_distortion: float
    last_error: str


class Statistics:
    """Thread-safe counters.

    ``received = published + sum(unfinished) + waiting``. Reasons: ``dropped`` (a newer frame came before its turn),
    ``refused`` (not a valid image), ``failed`` (the networks failed on it), ``unwatched`` (nobody subscribes), and
    ``lost`` (on the wire; these were never received and are counted beside).
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._received = self._published = self._keys = 0
        self._unfinished: Counter[str] = Counter()
        self._latency: deque[float] = deque(maxlen=WINDOW)
        self._results: deque[tuple[dict[str, float], float]] = deque(maxlen=WINDOW)
        self._last_error = ''

    def receive(self) -> None:
        """Count a message."""
        with self._lock:
            self._received += 1

    def leave(self, reason: str, error: str = '', count: int = 1) -> None:
        """Count messages that will not come out."""
        with self._lock:
            self._unfinished[reason] += count
            self._last_error = error or self._last_error

    def publish(self, result: FrameResult, latency: float) -> None:
        """Count a frame that came out, ``latency`` s after it was received."""
        with self._lock:
            self._published += 1
            self._keys += result.is_key
            self._latency.append(latency * 1000)
            self._results.append((result.timings, result.mean_distortion))

    def report(self) -> Report:
        """Return a snapshot."""
        with self._lock:
            latency, results = np.array(self._latency), list(self._results)
            stages: dict[str, list[float]] = {}
            for timings, _ in results:
                for stage, value in timings.items():
                    stages.setdefault(stage, []).append(value)
            return Report(
                received=self._received,
                published=self._published,
                key_frames=self._keys,
                unfinished=dict(self._unfinished),
                latency_ms={f'p{p}': float(np.percentile(latency, p)) if latency.size else 0.0 for p in (50, 95, 99)},
                stage_ms={stage: float(np.mean(values)) for stage, values in stages.items()},
                mean_distortion=float(np.mean([d for _, d in results])) if results else 0.0,
                last_error=self._last_error,
            )
