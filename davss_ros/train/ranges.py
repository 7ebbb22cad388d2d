# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Between which values the numbers of a recipe make sense; a key means the same in every section."""

import math
from collections.abc import Mapping
from typing import Any

from davss_ros.networks.resample import SCALE

MOST = 2**31 - 1
RANGES: Mapping[str, tuple[float, float]] = {
    'average': (0, 1),
    'batch': (1, MOST),
    'correction_gain': (0.001, 100),
    'correction_interval': (1, 1000),
    'correction_scale': (0.01, 1),
    'correction_share': (0.001, 1),
    'distill': (0, 1e6),
    'encoder_factor': (0, 1e6),
    'epochs': (0, MOST),
    'everywhere': (0, 1e6),
    'faults': (0, 1),
    'gain': (0.001, 100),
    'gap': (1, MOST),
    'learning_rate': (0, 10),
    'longest': (1, MOST),
    'look_scales': (0.05, 4),
    'paste': (0, 1),
    'rare': (0, 254),
    'rounds': (0, MOST),
    'samples_per_video': (1, MOST),
    'scale': (0.05, 20),
    'seed': (0, MOST),
    'share': (0.01, 1),
    'shortest': (2, MOST),  # a triplet has three frames
    'size': (0, MOST),
    'smoothness': (0, 1e6),
    'stride': (1, MOST),
    'video_frames': (0, MOST),
    'weight_decay': (0, 10),
    'window_worth': (0, 1),
}


def complaint(name: str, value: Any) -> str:
    """Return what is wrong with a value of a recipe, '' if nothing is."""
    values = value if isinstance(value, tuple | list) else (value,)
    numbers = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    least, most = RANGES.get(name, (-math.inf, math.inf))
    if not all(least <= number <= most for number in numbers):
        limits = f'{least:g} or more' if most == MOST else f'{least:g} to {most:g}'
        return f'expected {limits}, found {value}'
    if name == 'size' and any(number % SCALE for number in numbers):
        return f'expected multiples of {SCALE}, found {value}'
    if name in ('scale', 'temperature') and len(numbers) == 2 and numbers[0] > numbers[1]:
        return f'expected the smaller one first, found {value}'
    if name == 'look_scales' and not numbers:
        return 'expected one at least, found none'
    return ''
