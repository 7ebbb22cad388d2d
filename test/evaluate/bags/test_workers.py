# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Worker processes of which one dies: whose task it was is found out, and the others are done."""

import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from davss_ros.evaluate.bags import workers
from davss_ros.evaluate.bags.workers import ATTEMPTS, Workers

PROGRAM = """
import os

def work(work):
    with work.log.open('a') as file:
        file.write(f'{work.task.name}\\n')
    if work.task.name == 'bad':
        os._exit(9)
"""


@pytest.mark.parametrize('size', [1, 2])
def test_a_task_that_kills_its_worker_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    (tmp_path / 'davss_test_work.py').write_text(PROGRAM)  # where the workers find it, too
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, 'davss_test_work', raising=False)
    monkeypatch.setattr(workers, 'do', import_module('davss_test_work').work)
    log = tmp_path / 'log'
    names = ['first', 'bad', *(f'bag{number}' for number in range(4))]
    works: list[Any] = [SimpleNamespace(task=SimpleNamespace(name=name, bag=name), log=log) for name in names]
    found = {done.task.name: error for done, error in Workers(size).do_all(works, lambda: None)}
    assert found == dict.fromkeys(names, '') | {'bad': f'bad: its worker died {ATTEMPTS} times'}
    assert log.read_text().split().count('bad') == ATTEMPTS + (size > 1)
