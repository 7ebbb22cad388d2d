# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""SIGINT and SIGTERM end a process with status 0 and without a word, whatever it is doing at that moment.

No exception is raised for a signal, since it might strike an import or a callback half-way. A thread hears of it
through `signal.set_wakeup_fd`: while the process still imports, it ends there and then; later, what `on_end` named is
called, and the process ends by itself, or is ended after `GRACE`.
"""

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from threading import Event, Lock, Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 4.0  # s; ros2 launch sends the next, harder signal after five


class Ending:
    """The end of this process, from outside; made once, in the main thread, before anything heavy is imported."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._requested, self._over = Event(), Event()
        self._calls: list[Callable[[], None]] = []
        self._importing = True
        self._lock = Lock()
        self._read, write = os.pipe()
        os.set_blocking(write, False)
        for number in SIGNALS:
            signal.signal(number, lambda number, frame: None)
        signal.set_wakeup_fd(write)
        Thread(target=self._watch, name='davss_signals', daemon=True).start()

    @property
    def requested(self) -> bool:
        """Whether a signal came."""
        return self._requested.is_set()

    def defer(self) -> None:
        """From now on let the process end by itself, which it does when it finds the end `requested`."""
        with self._lock:
            self._importing = False

    def on_end(self, call: Callable[[], None]) -> None:
        """Have ``call`` called, from another thread, when a signal comes, at once if one did."""
        with self._lock:
            self._calls.append(call)
            if not self._requested.is_set():
                return
        call()

    def finish(self) -> None:
        """Say that the process ends by itself now; signals change nothing any more."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        self._over.set()

    def _watch(self) -> None:
        os.read(self._read, 1)
        with self._lock:
            self._requested.set()
            calls, importing = list(self._calls), self._importing
        if importing:
            os._exit(0)
        for call in calls:
            call()
        if not self._over.wait(GRACE):
            print(f'{self._name}: ended, though busy for {GRACE:g} s after it was told to end', file=sys.stderr)
            os._exit(0)


def run(module: str, name: str, arguments: list[str] | None) -> 'NoReturn':
    """End the process with what ``main(arguments, ending)`` returns, of a module that takes long to import.

    ``arguments`` are those after the command's name, None for the process's own. Once everything is taken down the
    process ends at once: on a busy machine the interpreter's own end takes seconds with torch, and a launch loses its
    patience after five.
    """
    ending = Ending(name)
    status = int(import_module(module).main(sys.argv[1:] if arguments is None else arguments, ending))
    ending.finish()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
