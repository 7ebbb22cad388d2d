# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What changed against an earlier run on the same data, and how sure that is."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from davss_ros.errors import DataError
from davss_ros.evaluate.bags.figures import NAMES
from davss_ros.evaluate.bags.rows import dense
from davss_ros.evaluate.bootstrap import interval
from davss_ros.evaluate.confusion import mean_iou

Results = Mapping[str, Any]


def load_baseline(path: Path) -> dict[str, Any]:
    """Return an earlier run's results; `DataError` if they are none."""
    path = path / 'results.json' if path.is_dir() else path
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise DataError(f'{path}: cannot be read: {error.strerror}') from error
    except ValueError as error:
        raise DataError(f'{path}: expected results.json of evaluate_bag, found no JSON: {error}') from error
    if not isinstance(content, dict) or 'blocks' not in content.get('all', {}) or 'provenance' not in content:
        raise DataError(f'{path}: expected results.json of evaluate_bag, found something else')
    return content


def comparison(baseline: Results, results: Results) -> dict[str, Any]:
    """Return what changed, in percentage points, with the interval of 95 % of the draws of blocks.

    Args:
        baseline: the earlier results.
        results: those of now; if ``all`` is None, only whether they can be compared is looked at.

    Raises:
        DataError: other data, other classes, or something else that labels were compared with.
    """
    for what, found, expected in (
        ('classes', results['classes'], baseline['classes']),
        ('labels are compared with', results['against'], baseline['against']),
        ('data', results['provenance']['data'], baseline['provenance']['data']),
    ):
        if json.loads(json.dumps(found)) != expected:
            raise DataError(f'--baseline: {what}: {_difference(found, expected)}; only like runs can be compared')
    if results['all'] is None:
        return {}
    if baseline.get('partial'):
        raise DataError('--baseline: it is partial; only whole runs can be compared')
    name = NAMES.get(results['against'], ('', ''))[0]
    changes: dict[str, Any] = {'latency_ms': _change(baseline, results, 'latency_ms', 'p50')}
    if not name:
        return changes
    before, now = baseline['all'], results['all']
    pairs = _pairs(before['blocks'], now['blocks'], len(results['classes']))
    low, high = interval(pairs, _differences)
    changes[name] = {
        'baseline': before[name],
        'now': now[name],
        'change': None if None in (before[name], now[name]) else round(now[name] - before[name], 6),
        'interval': [None if np.isnan(end) else round(100 * end, 4) for end in (low, high)],
        'blocks': len(pairs),
    }
    by_class = NAMES[results['against']][1]
    changes['by_class'] = {
        label: None if None in (before[by_class][label], value) else round(value - before[by_class][label], 4)
        for label, value in now[by_class].items()
    }
    return changes


def _pairs(before: list[Any], now: list[Any], classes: int) -> NDArray[np.int64]:
    """Return (B, 2, C, C), the counts of both in each block."""
    places = [[(b['bag'], b['camera'], b['frames']) for b in blocks] for blocks in (before, now)]
    if places[0] != places[1]:
        raise DataError('--baseline: its frames were parted otherwise, such as after frames that were skipped')
    shape = (classes, classes)
    counted = [(a, b) for a, b in zip(before, now, strict=True) if a['counts'] is not None and b['counts'] is not None]
    pairs = [[dense(block['counts'], shape) for block in pair] for pair in counted]
    return np.array(pairs, np.int64).reshape(len(pairs), 2, classes, classes)


def _differences(sums: NDArray[np.int64]) -> NDArray[np.float64]:
    return mean_iou(sums[:, 1]) - mean_iou(sums[:, 0])


def _change(baseline: Results, results: Results, figure: str, key: str) -> dict[str, Any]:
    before, now = (part['all'][figure].get(key) for part in (baseline, results))
    return {'baseline': before, 'now': now}


def _difference(found: Any, expected: Any) -> str:
    if isinstance(found, dict) and isinstance(expected, dict):
        keys = [key for key in {**expected, **found} if found.get(key) != expected.get(key)]
        return f'other {", ".join(keys)} than in the baseline'
    return f'expected {expected}, found {found}'


def loss(changes: Mapping[str, Any]) -> float:
    """Return by how many points the figure fell; 0 where there is none, negative if it rose."""
    for name, _ in NAMES.values():
        if name in changes and changes[name]['change'] is not None:
            return float(-changes[name]['change'])
    return 0.0
