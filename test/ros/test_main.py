"""The thread of callbacks: one that fails ends neither it nor the node, and the end of ROS is no failure."""

from types import SimpleNamespace

import pytest

from davss_ros.ros import main


def test_a_callback_that_fails_is_told_and_the_others_go_on_until_ros_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    alive, turns, told, closed = [True], [0], list[str](), list[bool]()

    class Executor:
        def add_node(self, node: object) -> None: ...

        def spin(self) -> None:
            turns[0] += 1
            if turns[0] == 3:  # a callback that meets the end of ROS
                alive[0] = False
            raise RuntimeError(f'turn {turns[0]}')

    monkeypatch.setattr(main, 'SingleThreadedExecutor', Executor)
    monkeypatch.setattr(main, 'ok', lambda: alive[0])
    node = SimpleNamespace(
        get_logger=lambda: SimpleNamespace(error=told.append),
        worker=SimpleNamespace(close=lambda: closed.append(True)),
    )
    main._spin(node)
    assert told == ['callback failed: RuntimeError: turn 1', 'callback failed: RuntimeError: turn 2']
    assert closed == [True]
