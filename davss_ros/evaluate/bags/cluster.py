# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Several machines, through Ray: a task is a bag or a part of one; bags and results lie on a disk that all see."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from davss_ros.errors import ConfigError, DavssError
from davss_ros.evaluate.bags.part import Work, do
from davss_ros.evaluate.bags.workers import ATTEMPTS, LOOK


class RayCrew:
    """The workers of a Ray cluster.

    A task whose worker or machine dies is done again elsewhere, from where its rows end, at most `ATTEMPTS` times.

    Args:
        address: of the cluster (``auto``, ``HOST:PORT`` or ``ray://...``).
        threads: of each task.

    Raises:
        ConfigError: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, address: str, threads: int = 1) -> None:
        try:
            import ray
        except ImportError as error:
            raise ConfigError("--ray: needs the package ray: pip install 'davss_ros[ray]'") from error
        self._ray: Any = ray
        if not ray.is_initialized():
            try:
                ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
            except (ConnectionError, RuntimeError, ValueError) as error:
                line = str(error).splitlines()[0]
                raise ConfigError(f'--ray {address}: no cluster there: {line}; `ray start --head` makes one') from error
        cores = [int(node['Resources'].get('CPU', 0)) for node in ray.nodes() if node['Alive']]
        self._cpus = max(1, min(threads, max(cores, default=1)))
        self.size = max(1, sum(count // self._cpus for count in cores))

    def do_all(self, works: Iterable[Work], tick: Callable[[], None]) -> Iterator[tuple[Work, str]]:
        """See `davss_ros.evaluate.bags.evaluation.Crew`."""
        ray = self._ray
        remote = ray.remote(num_cpus=self._cpus, max_retries=ATTEMPTS - 1)(_do)
        tasks = {remote.remote(work): (work, 0) for work in works}
        try:
            while tasks:
                done, _ = ray.wait(list(tasks), timeout=LOOK)
                tick()
                for answer in done:
                    work, tried = tasks.pop(answer)
                    try:
                        yield work, ray.get(answer)
                    except Exception as error:  # of Ray, after its retries; or whatever the networks threw
                        if tried + 1 < ATTEMPTS:
                            tasks[remote.remote(work)] = work, tried + 1
                        else:
                            yield work, f'{work.task.bag}: {type(error).__name__}: {str(error).splitlines()[-1]}'
        finally:
            for answer in tasks:
                ray.cancel(answer, force=True)


def _do(work: Work) -> str:
    """Do a task in a worker; return what is wrong with bag or settings, '' if nothing."""
    try:
        do(work)
    except (DavssError, OSError) as error:
        return str(error)
    return ''
