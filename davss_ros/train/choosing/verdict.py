# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Which setting is taken: one that is better than the first on every set, the most where it gains least."""

from collections.abc import Collection, Sequence
from itertools import chain, count
from typing import Any

import numpy as np

from davss_ros.errors import ConfigError
from davss_ros.train.choosing.trial import PER_FRAME, Trial


def verdict(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return what is to be told of the trials of the same settings on several sets, ready for JSON.

    - ``baseline``: the first setting.
    - ``sets.<set>.<setting>``: ``miou`` per distance and their ``mean``, ``gain`` over the baseline in points of mIoU
      and its 95 % ``interval``; the same of ``per_frame``, the key network on every frame.
    - ``taken``: of the settings that gain on every set, the one whose least gain is largest; the baseline if none does.

    Raises:
        ConfigError: there is no setting.
    """
    names = [name for name in trials[0].counts if name != PER_FRAME]
    if not names:
        raise ConfigError('settings: expected at least one, found none')
    baseline = names[0]
    sets: dict[str, Any] = {}
    for trial in trials:
        sets[_unlike(trial.name, sets)] = {name: _figures(trial, name, baseline) for name in trial.counts}
    least = {name: min(figures[name]['gain'] for figures in sets.values()) for name in names}
    best = max(names, key=lambda name: least[name])
    return {'baseline': baseline, 'taken': best if least[best] > 0 else baseline, 'sets': sets}


def _unlike(name: str, others: Collection[str]) -> str:
    """Return the name of a set, with a number if there are others of that name."""
    numbered = (f'{name} ({number})' for number in count(2))
    return next(unlike for unlike in chain([name], numbered) if unlike not in others)


def _figures(trial: Trial, name: str, baseline: str) -> dict[str, Any]:
    by_distance = trial.miou(name)
    gain, low, high = trial.gain(name, baseline)
    return {
        'miou': {str(d): round(float(value), 2) for d, value in enumerate(by_distance, 1)}
        | {'mean': round(float(np.nanmean(by_distance)), 2)},
        'gain': round(gain, 3),
        'interval': [round(low, 3), round(high, 3)] if np.isfinite(low) else None,
    }


def markdown(table: dict[str, Any]) -> str:
    """Return a `verdict` as a table: a row a setting; of each set mIoU at the first, middle and last distance, gain."""
    sets = table['sets']
    distances = [d for d in next(iter(next(iter(sets.values())).values()))['miou'] if d != 'mean']
    shown = list(dict.fromkeys([distances[0], distances[len(distances) // 2], distances[-1]]))
    head = ['setting', *(f'{name}: d = {" / ".join(shown)}; mean; gain (95 %)' for name in sets)]
    rows = [head, ['---'] * len(head)]
    for setting in next(iter(sets.values())):
        name = f'**{setting}**' if setting == table['taken'] else setting
        rows.append([name, *(_cell(figures[setting], shown) for figures in sets.values())])
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def _cell(figures: dict[str, Any], shown: list[str]) -> str:
    values = ' / '.join(f'{figures["miou"][d]:.1f}' for d in shown)
    ends = figures['interval']
    reach = f' ({ends[0]:+.2f} to {ends[1]:+.2f})' if ends else ''
    return f'{values}; {figures["miou"]["mean"]:.2f}; {figures["gain"]:+.2f}{reach}'
