import threading
import time

from davss_ros.ros.mailbox import Mailbox


def test_the_newest_wins_or_the_newcomer_is_turned_away() -> None:
    newest: Mailbox[int] = Mailbox(1, drop_old=True)
    assert [newest.put(i) for i in range(3)] == [True, False, False]
    assert newest.get() == 2
    queue: Mailbox[int] = Mailbox(2, drop_old=False)
    assert [queue.put(i) for i in range(3)] == [True, True, False]
    assert [queue.get(), queue.get()] == [0, 1]


def test_the_receiver_waits_and_is_woken() -> None:
    box: Mailbox[str] = Mailbox(1, drop_old=True)
    got: list[str | None] = []
    receiver = threading.Thread(target=lambda: got.extend([box.get(), box.get()]))
    receiver.start()
    box.put('frame')
    while not got and receiver.is_alive() and not box._closed:
        time.sleep(0.001)
        if not box._items:
            box.close()
    receiver.join(timeout=10)
    assert got == ['frame', None]


def test_everything_put_is_either_got_or_reported_dropped() -> None:
    box: Mailbox[int] = Mailbox(3, drop_old=True)
    got: list[int] = []

    def receive() -> None:
        while (item := box.get()) is not None:
            got.append(item)

    receiver = threading.Thread(target=receive)
    receiver.start()
    dropped = sum(not box.put(i) for i in range(5000))
    while len(got) + dropped < 5000 and receiver.is_alive():
        time.sleep(0.001)
    box.close()
    receiver.join(timeout=10)
    assert len(got) + dropped == 5000
    assert got == sorted(set(got))
