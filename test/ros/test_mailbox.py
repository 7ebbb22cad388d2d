# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import threading
import time

import pytest

from davss_ros.ros.mailbox import Mailbox


def test_the_newest_wins_or_the_newcomer_is_turned_away() -> None:
    newest: Mailbox[int] = Mailbox(1, drop_old=True)
    assert [newest.put(i) for i in range(3)] == [0, 1, 1]
    assert (len(newest), newest.take(), newest.take()) == (1, 2, None)
    queue: Mailbox[int] = Mailbox(2, drop_old=False)
    assert [queue.put(i) for i in range(4)] == [0, 0, 1, 1]
    assert (len(queue), queue.take(), queue.take(), queue.take()) == (2, 0, 1, None)
    two: Mailbox[int] = Mailbox(2, drop_old=True)
    assert [two.put(i) for i in range(4)] == [0, 0, 1, 1]
    assert [two.take(), two.take()] == [2, 3]


def test_what_is_cleared_or_does_not_fit_any_more_is_counted_and_the_oldest_goes() -> None:
    box: Mailbox[int] = Mailbox(5, drop_old=False)
    for i in range(5):
        box.put(i)
    assert box.resize(5, drop_old=True) == 0
    assert box.resize(2, drop_old=True) == 3
    assert (box.put(5), box.take(), box.take()) == (1, 4, 5)
    assert box.resize(3, drop_old=False) == 0
    assert [box.put(i) for i in range(4)] == [0, 0, 0, 1]
    assert (box.clear(), box.clear(), len(box)) == (3, 0, 0)
    assert box.put(9) == 0


def test_one_receiver_waits_for_several_mailboxes() -> None:
    changed = threading.Condition()
    boxes = [Mailbox[int](1, drop_old=True, changed=changed) for _ in range(3)]
    got: list[int | None] = []

    def receive() -> None:
        for _ in boxes:
            with changed:
                changed.wait_for(lambda: any(map(len, boxes)))
                got.append(next(box for box in boxes if len(box)).take())

    receiver = threading.Thread(target=receive, daemon=True)
    receiver.start()
    for number in (2, 0, 1):
        time.sleep(0.02)  # so that it waits again
        boxes[number].put(number)
    receiver.join(timeout=20)
    assert got == [2, 0, 1]


@pytest.mark.parametrize('drop_old', [True, False])
def test_everything_put_by_several_threads_is_either_taken_or_reported_dropped(drop_old: bool) -> None:
    box: Mailbox[tuple[int, int]] = Mailbox(3, drop_old=drop_old)
    got: list[tuple[int, int]] = []
    dropped: list[int] = []
    done = threading.Event()

    def send(sender: int) -> None:
        dropped.append(sum(box.put((sender, i)) for i in range(4000)))

    def receive() -> None:
        while not done.is_set() or len(box):
            if (item := box.take()) is not None:
                got.append(item)

    receiver, senders = threading.Thread(target=receive), [threading.Thread(target=send, args=(s,)) for s in range(3)]
    for thread in (receiver, *senders):
        thread.start()
    for thread in senders:
        thread.join(timeout=30)
    done.set()
    receiver.join(timeout=30)
    assert len(got) + sum(dropped) == 3 * 4000
    for sender in range(3):
        numbers = [number for whose, number in got if whose == sender]
        assert numbers == sorted(set(numbers))
