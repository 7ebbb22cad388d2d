# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Signals at many instants of the processes' lives, and faults of their start."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

CAUGHT = 'SigCgt'
TERM_BIT = 1 << (signal.SIGTERM - 1)


def wait_until_heard(process: subprocess.Popen[Any]) -> None:
    """Wait until the process hears signals; before that, Python itself is starting."""
    status = Path(f'/proc/{process.pid}/status')
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        lines = dict(line.split(':', 1) for line in status.read_text().splitlines() if ':' in line)
        if int(lines[CAUGHT], 16) & TERM_BIT:
            return
        time.sleep(0.002)
    raise AssertionError('signals are not heard')


@pytest.mark.skipif(not Path('/proc/self/status').exists(), reason='no /proc')
@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
@pytest.mark.parametrize('after', [0.0, 0.2, 0.6, 1.0, 1.6, 2.4])
def test_a_signal_while_the_node_starts_ends_it_with_status_zero_and_no_word(
    processes: Any, how: signal.Signals, after: float
) -> None:
    node = processes.starting()
    wait_until_heard(node.process)
    time.sleep(after)
    assert node.stop(how) == 0, node.said()
    assert all('[INFO]' in line for line in node.said().splitlines()), node.said()


@pytest.mark.skipif(not Path('/proc/self/status').exists(), reason='no /proc')
@pytest.mark.parametrize('after', [0.0, 0.2, 0.4, 0.8, 'frames at'])
def test_a_signal_while_replay_starts_waits_or_plays_ends_it_with_status_zero_and_no_word(
    processes: Any, tmp_path: Path, after: float | str
) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(tmp_path / '0.png'), np.zeros((16, 16), np.uint8))
    for how in (signal.SIGINT, signal.SIGTERM):
        replay = processes.start('-m', 'davss_ros', 'replay', str(tmp_path), '--loop', '--wait', '0.2')
        if isinstance(after, str):
            replay.wait_for(after)
        else:
            wait_until_heard(replay.process)
            time.sleep(after)
        assert replay.stop(how) == 0, replay.said()
        lines = [line for line in replay.said().splitlines() if '[INFO]' not in line and '[WARN]' not in line]
        assert all(line.startswith('{"published": ') for line in lines), lines


@pytest.mark.parametrize('command', ['davss_node', 'replay'])
@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_an_import_that_never_ends_is_ended_at_once_without_a_word(
    processes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, how: signal.Signals
) -> None:
    heavy = tmp_path / 'heavy'
    heavy.mkdir()
    (heavy / 'numpy.py').write_text('import time\nprint("importing", flush=True)\ntime.sleep(100)\n')
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(heavy), os.environ.get('PYTHONPATH', '')]))
    process = processes.start('-m', 'davss_ros', command, 'a')
    process.wait_for('importing')
    assert process.stop(how) == 0  # what is only ended when its patience is over says so
    assert process.said() == 'importing\n'


BUSY = """
import sys, time, types
from davss_ros.ros import signals

def main(arguments, ending):
    if arguments == ['later']:
        ending.defer()
    print('busy', flush=True)
    time.sleep(100)

signals.GRACE = 0.2
sys.modules['busy'] = types.ModuleType('busy')
sys.modules['busy'].main = main
sys.exit(signals.run('busy', 'tired', sys.argv[1:]))
"""


@pytest.mark.parametrize('phase', ['importing', 'later'])
def test_what_does_not_end_by_itself_is_ended(processes: Any, phase: str) -> None:
    process = processes.start('-c', BUSY, phase)
    process.wait_for('busy')
    assert process.stop(signal.SIGTERM) == 0
    assert ('tired: ended, though busy for 0.2 s' in process.said()) == (phase == 'later')


def test_what_asks_for_the_end_after_it_came_hears_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        'import os, signal, time; from davss_ros.ros.signals import Ending; ending = Ending("late"); ending.defer();'
        'os.kill(os.getpid(), signal.SIGINT)\n'
        'while not ending.requested: time.sleep(0.01)\n'
        'ending.on_end(lambda: print("called")); ending.finish()'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ('called\n', '')


def test_nothing_heavy_is_imported_before_signals_are_heard() -> None:
    code = (
        'import sys, davss_ros.ros.main, davss_ros.ros.replay_main; print({"torch", "rclpy", "numpy"} & {*sys.modules})'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == 'set()\n'


NODE, REPLAY = 'davss_node', 'replay /nowhere'


@pytest.mark.parametrize(
    ('command', 'changed', 'complaint'),
    [
        (NODE, {'HOME': '', 'ROS_LOG_DIR': ''}, 'HOME: not set, so ROS has no folder for its log'),
        (NODE, {'ROS_LOG_DIR': '/proc/nowhere'}, "Failed to create log directory '/proc/nowhere'"),
        (NODE, {'ROS_DOMAIN_ID': 'abc'}, "ROS_DOMAIN_ID: expected 0 to 232, found 'abc'"),
        (NODE, {'ROS_DOMAIN_ID': '999'}, "ROS_DOMAIN_ID: expected 0 to 232, found '999'"),
        (f'{NODE} --ros-args --params-file /a.yaml', {}, "Couldn't parse params file: '--params-file /a.yaml'"),
        (f'{NODE} --ros-args -p', {}, "Couldn't parse trailing -p flag"),
        (f'{NODE} --ros-args -p key_interval:=often', {}, "'key_interval' to 'often'"),
        (REPLAY, {'ROS_LOG_DIR': '/proc/nowhere'}, "Failed to create log directory '/proc/nowhere'"),
        (REPLAY, {'ROS_DOMAIN_ID': 'abc'}, "ROS_DOMAIN_ID: expected 0 to 232, found 'abc'"),
        (REPLAY, {}, '/nowhere: no such file or folder'),
    ],
)
def test_a_start_that_fails_is_told_in_one_line(command: str, changed: dict[str, str], complaint: str) -> None:
    environment = {name: value for name, value in {**os.environ, **changed}.items() if value}
    done = subprocess.run(
        [sys.executable, '-m', 'davss_ros', *command.split()],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    assert line.startswith(f'{command.split(maxsplit=1)[0]}: ') and complaint in line


@pytest.mark.parametrize(
    ('name', 'words'), [('davss_node', ['--params-file', 'docs/parameters.md']), ('replay', ['--loop', 'rosbag2'])]
)
def test_help_is_given_and_unknown_arguments_are_refused(name: str, words: list[str]) -> None:
    command = [sys.executable, '-m', 'davss_ros', name]
    help_ = subprocess.run([*command, '--help'], capture_output=True, text=True, timeout=120, check=True)
    assert all(word in help_.stdout for word in words)
    wrong = subprocess.run([*command, 'a', '--loud'], capture_output=True, text=True, timeout=120, check=False)
    assert wrong.returncode == 2 and '--loud' in wrong.stderr.splitlines()[-1] and 'Traceback' not in wrong.stderr
