# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The thread of callbacks: one that fails ends neither it nor the node, and the end of ROS is no failure."""

from types import SimpleNamespace

import pytest
from rclpy.task import Future

from davss_ros.ros import process


def test_a_callback_that_fails_is_told_and_the_others_go_on_until_ros_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    alive, turns, logged, closed = [True], [0], list[str](), list[bool]()

    class Executor:
        def spin_until_future_complete(self, future: Future) -> None:
            turns[0] += 1
            if turns[0] == 3:  # a callback that meets the end of ROS
                alive[0] = False
            raise RuntimeError(f'turn {turns[0]}')

    monkeypatch.setattr(process, 'ok', lambda: alive[0])
    node = SimpleNamespace(
        get_logger=lambda: SimpleNamespace(error=logged.append),
        workers=SimpleNamespace(close=lambda: closed.append(True)),
    )
    process._spin(node, Executor(), Future())  # type: ignore[arg-type]  # stand-ins
    assert logged == ['callback failed: RuntimeError: turn 1', 'callback failed: RuntimeError: turn 2']
    assert closed == [True]
