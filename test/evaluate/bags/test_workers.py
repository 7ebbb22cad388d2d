# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Worker processes of which one dies: whose task it was is found out, and the others are done."""

import sys
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from davss_ros.evaluate.bags import workers
from davss_ros.evaluate.bags.workers import ATTEMPTS, Workers

PROGRAM = """
import os, time

def work(work):
    with work.log.open('a') as file:
        file.write(f'{work.task.name} {os.getpid()}\\n')
    if work.task.name == 'bad':
        os._exit(9)
    if work.task.name == 'long':
        time.sleep(3600)
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the workers write which task they begin, and which process they are."""
    (tmp_path / 'davss_test_work.py').write_text(PROGRAM)  # where the workers find it, too
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, 'davss_test_work', raising=False)
    monkeypatch.setattr(workers, 'do', import_module('davss_test_work').work)
    return tmp_path / 'log'


@pytest.mark.parametrize('size', [1, 2])
def test_a_task_that_kills_its_worker_fails_alone(log: Path, size: int) -> None:
    names = ['first', 'bad', *(f'bag{number}' for number in range(4))]
    found = {done.task.name: error for done, error in Workers(size).do_all(_works(log, names), lambda: None)}
    assert found == dict.fromkeys(names, '') | {'bad': f'bad: its worker died {ATTEMPTS} times'}
    assert log.read_text().split().count('bad') == ATTEMPTS + (size > 1)


def test_whoever_stops_waiting_stops_the_work(log: Path) -> None:
    def interrupt() -> None:
        if log.exists() and log.read_text().endswith('\n'):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Workers(1).do_all(_works(log, ['long']), interrupt))
    process = Path('/proc', log.read_text().split()[1])
    late = time.monotonic() + 60  # much less than the work
    while process.exists() and time.monotonic() < late:
        time.sleep(0.05)
    assert not process.exists()


def _works(log: Path, names: list[str]) -> list[Any]:
    return [SimpleNamespace(task=SimpleNamespace(name=name, bag=name), log=log) for name in names]
