# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Key frames beside the stream: the key network at work on one frame while those after it go on from the old key frame.

    frame k       `KeyThread.start`      the key network begins on it
    k + 1, ...    `PendingKey.follow`    the flow back to k is composed, one frame after the other
    k + n         `PendingKey.take`      its scores are there; carried along the composed flow, they take over

With a lag the hand-over falls on frame k + lag, which waits for the key network if it must: a replay gives the same
labels however fast the machine is. Without, it falls on the first frame that finds it done.

One thread serves all segmenters that share a model: two key networks at once would only delay each other. What it
throws is thrown again where its scores would have taken over, as the error of that frame.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import torch
from torch import Tensor

from davss_ros.core.propagation import Propagation, chained
from davss_ros.errors import EngineError
from davss_ros.networks.interface import KeyNetwork, Propagated

Scores = tuple[Tensor, torch.cuda.Event | None]  # (1, C, h, w), and on CUDA when they are there


class KeyThread:
    """One thread, on CUDA with a stream of its own, that begins with the first key frame and ends with this object."""

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None
        self._stream: torch.cuda.Stream | None = None
        self._alone = Lock()  # what an engine compiled is not for several threads at once

    def segment(self, key: KeyNetwork, images: Tensor) -> Tensor:
        """Return the scores of ``images`` (N, 3, H, W), from the thread that asks; waits while another is segmented."""
        with self._alone:
            return key(images)

    def start(self, key: KeyNetwork, image: Tensor) -> 'Future[Scores]':
        """Begin to segment ``image`` (1, 3, H, W), after all that was begun before."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, 'davss_key_frames')
        if image.device.type != 'cuda':
            return self._executor.submit(self._segment, key, image)
        if self._stream is None:
            self._stream = torch.cuda.Stream(image.device)
        there = torch.cuda.current_stream(image.device).record_event()
        return self._executor.submit(self._segment_in_stream, key, image, there, self._stream)

    def close(self) -> None:
        """Wait for what is being segmented, and forget what is not; the thread begins anew when it is needed."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(cancel_futures=True)

    def _segment(self, key: KeyNetwork, image: Tensor) -> Scores:
        with torch.inference_mode():
            return self.segment(key, image), None

    def _segment_in_stream(
        self, key: KeyNetwork, image: Tensor, there: torch.cuda.Event, stream: torch.cuda.Stream
    ) -> Scores:
        with torch.inference_mode(), torch.cuda.stream(stream):
            stream.wait_event(there)
            image.record_stream(stream)
            return self.segment(key, image), stream.record_event()


def check_scores(scores: Tensor) -> None:
    """Raise `EngineError` if the key network gave NaN or infinity, which would become labels like any others."""
    if not bool(torch.isfinite(scores).all()):
        raise EngineError('key: NaN or infinity among the scores; try precision: float32')


class PendingKey:
    """A key frame whose scores are not there yet.

    Args:
        reason: why it is a key frame.
        scores: to come.
        image: the frame at 1/4 size (1, 3, h, w).
        begin: makes the propagation of a key frame.
        lag: frames after which its scores take over; 0: as soon as they are there.
    """

    def __init__(
        self,
        reason: str,
        scores: 'Future[Scores]',
        image: Tensor,
        begin: Callable[[Propagated], Propagation],
        lag: int,
    ) -> None:
        self.reason = reason
        self.age = 0  # frames since it came
        self.lag = lag
        self._scores, self._image, self._begin = scores, image, begin
        self._flow: Tensor | None = None  # from the last frame back to this one (1, 2, h, w)

    def follow(self, flow: Tensor) -> None:
        """Go on by one frame: ``flow`` (1, 2, h, w) leads from the new frame back to the last one."""
        self._flow = chained(self._flow, flow)
        self.age += 1

    @property
    def due(self) -> bool:
        """Whether its scores are to take over on the frame that was followed to last."""
        if self.lag:
            return self.age >= self.lag
        if not self._scores.done():
            return False
        event = None if self._scores.exception() else self._scores.result()[1]
        return event is None or event.query()

    def take(self) -> tuple[Propagation, Propagated]:
        """Return the propagation that begins with it, and what that carries to the last frame; waits for the scores.

        Raises:
            EngineError: the scores are no numbers.
            Exception: whatever the key network raised.
        """
        assert self._flow is not None  # nothing is due on its own frame
        scores, event = self._scores.result()
        check_scores(scores)
        if event is not None:
            stream = torch.cuda.current_stream(scores.device)
            stream.wait_event(event)
            scores.record_stream(stream)  # their memory is the other stream's
        propagation = self._begin(Propagated(scores, self._image))
        return propagation, propagation.advance(self._flow)

    def drop(self) -> None:
        """Do without it; if the key network has not begun on it, it never will."""
        self._scores.cancel()
