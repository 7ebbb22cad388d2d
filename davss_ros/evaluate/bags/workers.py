# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Worker processes on this machine."""

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from davss_ros.engines.allocator import keep_freed_memory
from davss_ros.errors import DavssError
from davss_ros.evaluate.bags.part import Work, do

ATTEMPTS = 3
LOOK = 0.5  # s between looks at what the workers have written


class Workers:
    """Processes that share the cores of this machine.

    A worker that dies takes the others of its pool along. From then on tasks go on one by one where their rows end, so
    that it is known whose worker dies, and less memory is in use; such a task has `ATTEMPTS`.

    Args:
        size: number of processes.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def do_all(self, works: Iterable[Work], tick: Callable[[], None]) -> Iterator[tuple[Work, str]]:
        """See `davss_ros.evaluate.bags.evaluation.Crew`."""
        left = {work.task.name: (work, 0) for work in works}
        size = self.size
        while left:
            pool = ProcessPoolExecutor(
                size,
                mp_context=multiprocessing.get_context('spawn'),
                initializer=_begin,
            )
            try:
                yield from self._attempt(pool, left, tick)
            except BrokenProcessPool:
                name, (work, tried) = next(iter(left.items()))  # with one worker, that which it was at
                if size > 1:
                    size = 1
                elif tried + 1 < ATTEMPTS:
                    left[name] = work, tried + 1
                else:
                    del left[name]
                    yield work, f'{work.task.bag}: its worker died {ATTEMPTS} times'
            finally:
                processes = list(pool._processes.values())  # before 3.14 there is no public `terminate_workers`
                pool.shutdown(wait=False, cancel_futures=True)
                for process in processes:
                    with contextlib.suppress(OSError, ValueError):
                        process.terminate()

    def _attempt(
        self, pool: ProcessPoolExecutor, left: dict[str, tuple[Work, int]], tick: Callable[[], None]
    ) -> Iterator[tuple[Work, str]]:
        futures: dict[Future[object], str] = {pool.submit(do, work): name for name, (work, _) in left.items()}
        while futures:
            done, _ = wait(futures, timeout=LOOK, return_when=FIRST_COMPLETED)
            tick()
            for future in done:
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    raise error
                name = futures.pop(future)
                work, tried = left.pop(name)
                if error is None or isinstance(error, DavssError | OSError) or tried + 1 >= ATTEMPTS:
                    yield work, _reason(error)
                else:
                    left[name] = work, tried + 1
                    futures[pool.submit(do, work)] = name


def _reason(error: BaseException | None) -> str:
    if error is None:
        return ''
    return str(error) if isinstance(error, DavssError | OSError) else f'{type(error).__name__}: {error}'


def _begin() -> None:
    """Leave Ctrl-C to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
