# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The workers of a node: one in the process's main thread, and others in threads of their own where that is faster.

Two cores that share every network keep each other waiting; each at the frames of cameras of its own, they do not: on
two cores, four cameras, 1.3 times as many frames (`benchmark --cameras 4`). So with several cameras on a CPU each
worker has its share of the cameras, of the cores, and a model of its own. One camera has all cores, as its frames then
take the least time.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread

from davss_ros.engines.threads import thread_count, use_threads
from davss_ros.ros.worker import Worker


class Workers:
    """As many workers as the node is configured for, the main one always; see `Worker` for what each does."""

    def __init__(self) -> None:
        self.cores = thread_count()  # that compute, all workers together
        self._main = Worker()
        self._closed = False
        self._helpers: list[tuple[Worker, Thread]] = []

    def work(self) -> None:
        """Serve frames in the calling thread, the main one; returns after `close`, once the others have ended."""
        try:
            self._main.work()
        finally:
            self.close()
            self._dismiss()

    def close(self) -> None:
        """End the work of all after the frames in hand, for good; from any thread."""
        self._closed = True
        for worker in self._all():
            worker.close()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hold the work of all between two frames, see `Worker.paused`."""
        with ExitStack() as pauses:
            for hold in (Worker.held, Worker.paused):  # all at once, then wait for each
                for worker in self._all():
                    pauses.enter_context(hold(worker))
            yield

    def relieve(self) -> None:
        """Take all cameras from all workers; call while `paused`."""
        for worker in self._all():
            worker.assign((), batching=False)

    def muster(self, count: int) -> list[Worker]:
        """Return ``count`` workers that share the cores; call while no worker has cameras, nor is `paused`.

        The calling thread, too, computes with as many threads as each of them, so that what it compiles is for them.
        """
        self._dismiss()
        threads = max(1, self.cores // count)
        use_threads(threads)
        with self._main.paused():
            self._main.threads = threads
        for number in range(1, count):
            worker = Worker(threads)
            thread = Thread(target=worker.work, name=f'davss_worker_{number}', daemon=True)
            thread.start()
            self._helpers.append((worker, thread))
            if self._closed:
                worker.close()
        return self._all()

    def _all(self) -> list[Worker]:
        return [self._main, *(worker for worker, _ in self._helpers)]

    def _dismiss(self) -> None:
        helpers, self._helpers = self._helpers, []
        for worker, _ in helpers:
            worker.close()
        for _, thread in helpers:
            thread.join()
