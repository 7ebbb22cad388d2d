# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The main figures for the terminal."""

from typing import Any

from davss_ros.evaluate.corruption import CORRUPTIONS, SEVERITIES


def table(results: dict[str, Any]) -> str:
    """Return the main figures as text: mIoU per mode and distance, and what there is of intervals and distortion."""
    distances, modes = results['distances'], results['modes']
    single = modes['per_frame']
    classes = [f'  {name:12} {value:5.1f}' for name, value in single['iou']['0'].items() if value is not None]
    lines = [_single('per_frame', single), *classes]
    for name, model in results.get('models', {}).items():
        lines.append(_single(f'{name}/per_frame', model['modes']['per_frame']))
    if not distances:
        return '\n'.join(lines + _corruptions(results))
    others = {name: mode for name, mode in modes.items() if name != 'per_frame'}
    others |= {
        f'{name}/{mode}': figures
        for name, model in results.get('models', {}).items()
        for mode, figures in model['modes'].items()
        if mode != 'per_frame'
    }
    keys = [*map(str, distances), 'mean']
    rows = [['mIoU at distance', *keys, 'mean, 95 %']]
    rows += [[name, *(_cell(mode['miou'][key]) for key in keys), _reach(mode)] for name, mode in others.items()]
    if 'distortion' in results:
        rows.append(['distortion AUC', *(_cell(results['distortion']['auc'][key], 3) for key in keys), ''])
    lines += aligned(rows)
    for n in map(str, results.get('intervals', [])):
        rows = [[f'key frame every {n}', 'mIoU', 'boundary F', 'consistency', 'ms', 'GMAC']]
        columns = (('miou', 1), ('boundary_f', 1), ('consistency', 1), ('ms', 1), ('gmacs', 2))
        for name, mode in others.items():
            rows.append([name, *(_cell(mode['interval'][n].get(column), digits) for column, digits in columns)])
        lines += aligned(rows)
    if results.get('streaming'):
        rows = [['streaming', 'mIoU', 'age, ms', 'p50, ms', 'p95, ms', 'served']]
        columns = (('miou', 1), ('age', 0), ('latency_p50', 1), ('latency_p95', 1), ('served', 2))
        for name, figures in results['streaming'].items():
            rows.append([name, *(_cell(figures[column], digits) for column, digits in columns)])
        lines += aligned(rows)
    return '\n'.join(lines + _corruptions(results))


def _corruptions(results: dict[str, Any]) -> list[str]:
    every = {'': results} | {f'{name}/': model for name, model in results.get('models', {}).items()}
    rows = []
    for name, model in every.items():
        if 'corruption' in model:
            head, *body = corruption_rows(model['corruption'])
            rows += [[f'{name}{head[0]}', *head[1:]], *body]
    return aligned(rows) if rows else []


def corruption_rows(scores: dict[str, Any]) -> list[list[str]]:
    """Return head and rows of the mIoU on worse pictures, see `davss_ros.evaluate.corruption`."""
    modes = list(scores['clean'])
    shown = [mode if mode == 'per_frame' else f'{mode} at {scores["distance"]}' for mode in modes]
    rows = [['corruption', *(f'{mode}, {severity}' for mode in shown for severity in SEVERITIES)]]
    rows.append(['none', *(cell for mode in modes for cell in [_cell(scores['clean'][mode])] * len(SEVERITIES))])
    for kind in [*CORRUPTIONS, 'mean']:
        rows.append([kind, *(_cell(scores[kind][severity][mode]) for mode in modes for severity in SEVERITIES)])
    return rows


def _single(name: str, mode: dict[str, Any]) -> str:
    return f'{name}: mIoU {mode["miou"]["mean"]:.2f}{_reach(mode, " (", " in 95 %)")}'


def _reach(mode: dict[str, Any], before: str = '', after: str = '') -> str:
    """Return the interval of the mean mIoU; nothing if there is none."""
    ends = mode.get('miou_interval', {}).get('mean')
    return f'{before}{ends[0]:.1f} to {ends[1]:.1f}{after}' if ends else ''


def _cell(value: float | None, digits: int = 1) -> str:
    return '-' if value is None else f'{value:.{digits}f}'


def aligned(rows: list[list[str]]) -> list[str]:
    """Return a line for each row, the first the head; all but the first column flush right."""
    first = max(17, *(len(row[0]) for row in rows))
    widths = [max(5, *map(len, column)) for column in zip(*(row[1:] for row in rows), strict=True)]
    return [
        '  '.join(
            [
                f'{row[0]:{first}}',
                *(f'{cell:>{width}}' for cell, width in zip(row[1:], widths, strict=True)),
            ]
        )
        for row in rows
    ]
