# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What all commands have in common: whatever goes wrong is one line on stderr and an exit status, no traceback."""

import os
import sys
from collections.abc import Callable

from davss_ros.errors import DavssError

FAILED, BROKEN, INTERRUPTED = 1, 70, 130  # exit statuses: said why; a fault of ours (as sysexits.h); Ctrl-C
TRACEBACK = 'DAVSS_TRACEBACK'  # set in the environment, a fault of ours shows where it lies


def guarded(name: str, work: Callable[[], int], way_on: Callable[[], str] = str) -> int:
    """Return what ``work`` does, or an exit status after saying what went wrong.

    Args:
        name: of the command.
        work: of the command.
        way_on: says after Ctrl-C how to go on; nothing by default.
    """
    try:
        return work()
    except KeyboardInterrupt:
        hint = way_on()
        print(f'{name}: interrupted{"; " * bool(hint)}{hint}', file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # as of `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        line = _sentence(error)
        if not line and os.environ.get(TRACEBACK):
            raise
        fault = f'a fault of its own: {type(error).__name__}: {_first_line(error)} ({TRACEBACK}=1 shows where)'
        print(line if isinstance(error, DavssError) else f'{name}: {line or fault}', file=sys.stderr)
        return FAILED if line else BROKEN


def _sentence(error: Exception) -> str:
    """Return what an error says of the world, '' if it is a fault of ours."""
    if isinstance(error, DavssError | ImportError):  # a package that only some commands need says how to install it
        return str(error)
    if isinstance(error, MemoryError):
        return 'not enough memory'
    if type(error).__name__ == 'OutOfMemoryError':  # of torch, which not every command imports
        return 'not enough memory on the device'
    if isinstance(error, RuntimeError) and 'home directory' in str(error):  # pathlib's, of `~nobody`
        return 'a path begins with ~ and the name of no user'
    if isinstance(error, OSError):
        return f'{error.filename}: {error.strerror}' if error.filename and error.strerror else str(error)
    return ''


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [''])[0][:300]
