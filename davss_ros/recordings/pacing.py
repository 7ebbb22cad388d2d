# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""When each frame of a recording is due, by whichever of its times make sense."""

from collections.abc import Iterator

from davss_ros.recordings.frame import FOLDER_RATE, Frame, FrameSource

LONGEST_PAUSE = 60.0  # s; a longer pause of a recording is not waited for
_SHORTEST = 1_000_000  # ns; stamps that lie closer stand still
_SIMILAR = 0.2  # share by which two steps may differ and still tell the same


def paced(source: FrameSource, longest_gap: float) -> Iterator[tuple[Frame, int]]:
    """Yield the frames of ``source`` with the time each is due, ns from the first one.

    By the stamps, as long as each is later than the one before by at most ``longest_gap`` seconds, or by as much as
    the times of reception say; from the first one that is not, by the times of reception; where those tell nothing
    either, at the source's rate. What is unusual is said by the source's findings before it is waited for.

    Args:
        source: of the frames.
        longest_gap: s; a longer wait is said, and none is longer than `LONGEST_PAUSE`.

    Raises:
        DataError: as the source.
    """
    pacer = Pacer(source, longest_gap)
    for frame in source:
        yield frame, pacer.due(frame)


class Pacer:
    """Tells when frames are due; see `paced`."""

    def __init__(self, source: FrameSource, longest_gap: float) -> None:
        self._findings = source.findings
        period = 1 / source.rate
        self._period = round(1e9 * (period if period <= LONGEST_PAUSE else 1 / FOLDER_RATE))
        self._longest = round(longest_gap * 1e9)
        self._said = self._longest  # the longest wait that need not be said
        self._by_stamps, self._left_out = True, False
        self._last = (0, 0)  # stamp and time of reception
        self._number = self._due = 0

    def due(self, frame: Frame) -> int:
        """Return when ``frame`` is due, ns from the first one; to be called for every frame in turn."""
        if self._number:
            self._due += self._step(frame.stamp - self._last[0], frame.received - self._last[1])
        self._last = frame.stamp, frame.received
        self._number += 1
        return self._due

    def _step(self, stamped: int, received: int) -> int:
        alike = received > 0 and abs(stamped - received) <= _SIMILAR * received
        sensible = _SHORTEST <= stamped <= self._longest or (stamped > 0 and alike)
        if self._by_stamps and not sensible:
            self._by_stamps = False
            self._findings.remark(
                f'{_what(stamped)} at frame {self._number}: paced by the times of reception from there'
            )
        step = stamped if self._by_stamps else received
        if step <= 0:
            return self._period  # no time tells
        if step > LONGEST_PAUSE * 1e9:
            if not self._left_out:
                limit = f'as is every pause of more than {LONGEST_PAUSE:g} s'
                self._findings.remark(f'{_seconds(step)} pass before frame {self._number}: left out, {limit}')
            self._left_out = True
            return self._period
        if step > self._said:
            self._said = round(1.5 * step)
            self._findings.remark(
                f'{step / 1e9:.1f} s pass before frame {self._number}, as recorded; '
                f'of the pauses after it those of more than {self._said / 1e9:.1f} s are said'
            )
        return step


def _what(step: int) -> str:
    if step < 0:
        return f'header stamps go back by {_seconds(-step)}'
    if step < _SHORTEST:
        return 'header stamps stand still'
    return f'header stamps jump ahead by {_seconds(step)}'


def _seconds(nanoseconds: int) -> str:
    years = nanoseconds / 1e9 / 86400 / 365.25
    return f'{years:.1f} years' if years > 1 else f'{nanoseconds / 1e9:.3f} s'
