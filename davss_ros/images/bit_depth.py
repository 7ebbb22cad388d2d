# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""How many bits of 16 hold a picture: sensors of 10, 12 or 14 bits are stored in 16, in files and messages alike."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from davss_ros.errors import ConfigError, FrameError

log = logging.getLogger(__name__)
AUTO = 'auto'
SMALLEST, LARGEST = 8, 16
BIT_DEPTH_HELP = 'bits of 16-bit pictures, 8 to 16; auto, the default: by the largest value of the first'
USUAL = (10, 12, 14, 16)  # what ``auto`` chooses from


class BitDepth:
    """Maps 16-bit pixels to 8 bits; every stream of pictures has its own.

    ``auto`` takes the smallest of `USUAL` that holds the largest value of the pictures so far, and says so. It rises as
    larger values come and never falls, so that pictures of one stream stay comparable; black ones decide nothing.

    Args:
        setting: ``auto``, or a number of bits, 8 to 16; larger values than it allows are clipped.
        name: of the stream, for the line that says what was taken.
        say: told what ``auto`` took.

    Raises:
        ConfigError: another setting.
    """

    def __init__(self, setting: int | str = AUTO, name: str = '', say: Callable[[str], object] = log.warning) -> None:
        self.bits = parse_bit_depth(setting)
        self.chosen = self.bits > 0
        self._name, self._say = name, say
        self._fixed = self.chosen

    def fix(self) -> None:
        """Let ``auto`` rise no more, as where pictures are read in any order; larger values are errors from now on."""
        self._fixed = True

    def to_eight(self, pixels: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Return the pixels, (H, W) or (H, W, C), as uint8.

        Raises:
            FrameError: a value is beyond what ``auto`` was fixed at.
        """
        if self.chosen:
            pixels = np.minimum(pixels, np.uint16((1 << self.bits) - 1))
        else:
            self._look_at(int(pixels.max(initial=0)))
        return (pixels >> max(self.bits - 8, 0)).astype(np.uint8)

    def _look_at(self, largest: int) -> None:
        needed = next(bits for bits in USUAL if largest < 1 << bits) if largest else 0
        if needed <= self.bits:
            return
        if self._fixed:
            before = f'{self.bits} bits' if self.bits else 'black'
            raise FrameError(
                f'bit_depth: a value of {largest}, but the first pictures were taken for {before}; '
                f'set bit_depth to {needed}'
            )
        self.bits = needed
        name = f'{self._name}: ' if self._name else ''
        self._say(f'{name}bit_depth: {needed} of 16 bits taken, as the largest value so far is {largest}')


def parse_bit_depth(setting: Any) -> int:
    """Return the number of bits, 0 for ``auto``; `ConfigError` if it is neither ``auto`` nor 8 to 16."""
    text = str(setting).strip()
    if text == AUTO:
        return 0
    if isinstance(setting, bool) or not text.isdecimal() or not SMALLEST <= int(text) <= LARGEST:
        raise ConfigError(f'bit_depth: expected {AUTO} or {SMALLEST} to {LARGEST}, found {setting!r}')
    return int(text)
