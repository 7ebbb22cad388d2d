# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What a recording turned out to be like while it was read: frames that were skipped, and remarks."""

import logging
from collections import Counter
from collections.abc import Callable

from davss_ros.errors import DataError

SAID_AT_ONCE = 3  # skipped frames that are named when they are met; the rest are in the total

log = logging.getLogger(__name__)


class Findings:
    """What one source found. Each line is given to ``say`` once, however often the source is read.

    Args:
        name: of the source, at the start of every line.
        say: takes a line; by default the log, whose warnings Python prints on stderr.
        strict: a frame that cannot be read ends the reading.

    Attributes:
        skipped: how many frames the last reading skipped, by reason.
        remarks: all lines so far, in order.
    """

    def __init__(self, name: str, say: Callable[[str], None] | None = None, strict: bool = False) -> None:
        self.skipped: Counter[str] = Counter()
        self.remarks: list[str] = []
        self._name, self._say, self._strict = name, say or log.warning, strict
        self._first = ''

    def remark(self, text: str) -> None:
        """Say what is worth knowing, once."""
        line = f'{self._name}: {text}'
        if line not in self.remarks:
            self.remarks.append(line)
            self._say(line)

    def begin(self) -> None:
        """Start counting anew: the source is read from its start."""
        self.skipped.clear()

    def skip(self, place: str, reason: object) -> None:
        """Count a frame that cannot be read.

        Args:
            place: which one, as ``/image, message 3`` or a file's name.
            reason: what is wrong with it.

        Raises:
            DataError: reading is strict.
        """
        if self._strict:
            raise DataError(f'{self._name}: {place}: {reason}')
        self._first = f'{place}: {reason}' if not self.skipped else self._first
        self.skipped[str(reason)] += 1
        if self.skipped.total() <= SAID_AT_ONCE:
            self.remark(f'{place}: skipped: {reason}')

    def end(self, frames: int) -> None:
        """Say how many were skipped, if several; to be called after the last frame.

        Raises:
            DataError: not a single one of ``frames`` could be read.
        """
        skipped = self.skipped.total()
        if not frames:
            raise DataError(
                f'{self._name}: none of {skipped} frames can be read; first: {self._first}'
                if skipped
                else f'{self._name}: holds no frame'
            )
        if skipped > 1:
            self.remark(f'{skipped} of {frames + skipped} frames skipped; first: {self._first}')
