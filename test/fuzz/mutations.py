# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What befalls files: bytes flipped, cut off, doubled or swapped, more often near the start, where headers are."""

import numpy as np


def mutated(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """Return what was done, and the damaged bytes."""
    kind = str(rng.choice(['flipped', 'cut', 'doubled', 'swapped']))
    changed = bytearray(data)
    if kind == 'flipped':
        for _ in range(1 if rng.integers(2) else int(rng.integers(2, 9))):
            changed[_place(len(data), rng)] ^= int(rng.integers(1, 256))
    elif kind == 'cut':
        del changed[int(rng.integers(len(data))) :]
    elif kind == 'doubled':
        start, length = _place(len(data), rng), int(rng.integers(1, 65))
        changed[start:start] = changed[start : start + length]
    else:
        first, second, length = _place(len(data), rng), _place(len(data), rng), int(rng.integers(1, 33))
        piece, other = bytes(changed[first : first + length]), bytes(changed[second : second + length])
        changed[first : first + len(other)] = other
        changed[second : second + len(piece)] = piece
    return kind, bytes(changed)


def _place(size: int, rng: np.random.Generator) -> int:
    """Return a place in ``size`` bytes; half of them are evenly spread, half crowd at the start."""
    return int(rng.integers(size)) if rng.integers(2) else int(size ** rng.random()) - 1
