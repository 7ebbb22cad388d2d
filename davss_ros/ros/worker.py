# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The one thread in which the frames of some cameras, or all, are decoded, segmented and published.

    cameras' mailboxes -> [`Worker.work`] Camera.take -> step_together -> Camera.finish

Where it is to have several cores, `work` belongs in the process's main thread: in any other, torch computes
convolutions on one core only. The executor's thread only counts and queues, so a slow network delays no callback.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Condition, Lock

from davss_ros.core.frames import working_size
from davss_ros.core.segmenter import step_together
from davss_ros.engines.threads import use_threads
from davss_ros.errors import FrameError
from davss_ros.ros.camera import Camera, Job


class Worker:
    """Serves the frames of cameras, in turn or in batches.

    Args:
        threads: to compute with, in the thread that serves; 0: as many as that has.
    """

    def __init__(self, threads: int = 0) -> None:
        self.changed = Condition()  # for the cameras' mailboxes
        self.threads = threads  # changed only while `paused`
        self._cameras: deque[Camera] = deque()  # the one whose turn it is first
        self._batching = False
        self._closed = False
        self._pauses = 0
        self._serving = Lock()

    def work(self) -> None:
        """Serve frames as they come; returns after `close`."""
        while not self._closed:
            with self.changed:
                self.changed.wait_for(self._has_work)
            with self._serving:
                if not self._closed:
                    self.serve()

    def serve(self) -> None:
        """Serve the next waiting frame, of the camera whose turn it is; as batches one of every camera that has one."""
        if self.threads:
            use_threads(self.threads)
        if self._batching:
            for group in _groups([job for camera in self._cameras if (job := _taken(camera))]):
                _segment(group)
            return
        for _ in range(len(self._cameras)):
            camera = self._cameras[0]
            self._cameras.rotate(-1)
            job = _taken(camera)  # only now, as a newer frame may have come while those of others were served
            if job:
                return _segment([job])

    def close(self) -> None:
        """End `work` after the frame in hand; from any thread."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hold the work between two frames, for changes from another thread."""
        with self.held(), self._serving:
            yield

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no further frame begin; does not wait for the end of one that has."""
        with self.changed:
            self._pauses += 1  # or the worker, never out of frames, might take the lock again and again
        try:
            yield
        finally:
            with self.changed:
                self._pauses -= 1
                self.changed.notify_all()

    def assign(self, cameras: Sequence[Camera], *, batching: bool) -> None:
        """Serve these cameras from now on; call while `paused`."""
        self._cameras, self._batching = deque(cameras), batching

    def _has_work(self) -> bool:
        return self._closed or (not self._pauses and any(camera.waiting for camera in self._cameras))


def _groups(jobs: Sequence[Job]) -> list[list[Job]]:
    """Split into lists that may run as one batch: frames of one working size."""
    groups: dict[tuple[int, int], list[Job]] = {}
    for job in jobs:
        size = working_size(job.image.shape[:2], job.camera.segmenter.config.working_height)
        groups.setdefault(size, []).append(job)
    return list(groups.values())


def _taken(camera: Camera) -> Job | None:
    try:
        return camera.take()
    except Exception as error:  # of the middleware; a worker that ends would leave its cameras to nobody
        camera.complain('failed', f'frame failed: {type(error).__name__}: {error}')
        return None


def _segment(jobs: Sequence[Job]) -> None:
    segmenters = [job.camera.segmenter for job in jobs]
    try:
        results = step_together(segmenters, [job.image for job in jobs], [job.stamp for job in jobs])
    except FrameError as error:
        for job in jobs:
            job.camera.complain('refused', f'frame refused: {error}')
    except Exception as error:  # whatever the networks or the device throw, the node lives on
        for job in jobs:
            job.camera.complain('failed', f'frame failed: {type(error).__name__}: {error}')
    else:
        for job, result in zip(jobs, results, strict=True):
            job.camera.finish(job, result)
