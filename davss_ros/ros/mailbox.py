# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The queue between a subscription and the worker: bounded by length, never blocks the sender."""

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar('T')


class Mailbox(Generic[T]):
    """A bounded queue.

    Args:
        length: items kept; when full, the oldest goes (``drop_old``) or the newcomer is turned away.
        drop_old: which of the two.
        changed: notified of every new item; one receiver may wait on it for several mailboxes.
    """

    def __init__(self, length: int, *, drop_old: bool, changed: Condition | None = None) -> None:
        self._items: deque[T] = deque()
        self._length, self._drop_old = length, drop_old
        self._changed = changed or Condition()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> int:
        """Add an item; return how many had to be dropped for it, itself perhaps among them."""
        with self._changed:
            dropped = 0
            if self._drop_old:
                dropped = self._shrink(self._length - 1)
            elif len(self._items) >= self._length:
                return 1
            self._items.append(item)
            self._changed.notify_all()
            return dropped

    def take(self) -> T | None:
        """Return the oldest item; None if there is none."""
        with self._changed:
            return self._items.popleft() if self._items else None

    def clear(self) -> int:
        """Forget all items; return how many there were."""
        with self._changed:
            return self._shrink(0)

    def resize(self, length: int, *, drop_old: bool) -> int:
        """Change length and policy; return how many items had to be dropped."""
        with self._changed:
            self._length, self._drop_old = length, drop_old
            return self._shrink(length)

    def _shrink(self, length: int) -> int:
        dropped = max(0, len(self._items) - length)
        for _ in range(dropped):
            self._items.popleft()
        return dropped
