"""The queue between the subscription and the worker: bounded by length, never blocks the sender."""

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar('T')


class Mailbox(Generic[T]):
    """A bounded queue for one receiver.

    Args:
        length: items kept; when full, the oldest goes (``drop_old``) or the newcomer is turned away.
        drop_old: which of the two.
    """

    def __init__(self, length: int, *, drop_old: bool) -> None:
        self._items: deque[T] = deque()
        self._length, self._drop_old = length, drop_old
        self._changed = Condition()
        self._closed = False

    def put(self, item: T) -> bool:
        """Add an item; return False if one had to be dropped for it (or it was dropped itself)."""
        with self._changed:
            full = len(self._items) >= self._length
            if full and self._drop_old:
                self._items.popleft()
            if not full or self._drop_old:
                self._items.append(item)
                self._changed.notify()
            return not full

    def get(self) -> T | None:
        """Wait for the oldest item; None once the mailbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            return None if self._closed else self._items.popleft()

    def close(self) -> None:
        """Wake the receiver for good; what is still queued is forgotten."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
