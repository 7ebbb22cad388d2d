# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What ``benchmark`` says: ``benchmark.json``, a table and a plot, of what contenders took."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.frames import working_size
from davss_ros.core.model import Model
from davss_ros.evaluate.contest import Times, ratio, typical
from davss_ros.evaluate.cost import multiply_adds
from davss_ros.evaluate.pages.charts import Series, line_chart, to_svg
from davss_ros.evaluate.peak import Peak, least_bytes
from davss_ros.evaluate.table import aligned

DAVSS = 'davss'  # and after a comma the engine
REFERENCE = f'{DAVSS}, torch'
ONE_VIEW, TWO_VIEWS, RIVAL = 'per_frame, one view', 'per_frame, two views', 'rival per_frame'
STAGES = {  # with networks: whose multiply-adds count towards the share of the peak
    'key': ('key',),
    'flow': ('flow',),
    'distortion': ('distortion', 'gate'),
    'look': ('correction',),
    'correction': ('correction', 'window'),  # without a look of its own the first of them
}
INTERVALS = range(1, 21)  # of the plot


def results_of(
    times: Mapping[str, Times], frame: NDArray[np.uint8], model: Model, config: SegmenterConfig, peak: Peak
) -> dict[str, Any]:
    """Return what ``benchmark.json`` holds.

    - ``contenders.<name>.key`` and ``.other``: p50 and p95 by stage, of the total the mean, too, ms; ``.mean``: ms of
      a frame at the key interval, see `typical`.
    - ``ratios``: how many times cheaper the mean frame of the first contender is than that of the others.
    - ``engine_ratios``: if torch is among the others, its time by that of the first: of a key frame, of the
      look at the whole frame, of the correction in windows, of another frame, and of the mean frame.
    - ``peak``: multiply-adds and bytes a second, measured; ``share``: of it, by stage of the first contender.

    Args:
        times: by contender; the first one is ours.
        frame: one of those that were measured.
        model: of the first contender.
        config: its settings.
        peak: of this machine.
    """
    first = next(iter(times))
    interval = config.key_interval
    means = {name: contender.mean(interval) for name, contender in times.items()}
    return {
        'size': [frame.shape[1], frame.shape[0]],
        'key_interval': interval,
        'contenders': {
            name: {**contender.summary(), 'mean': round(means[name], 3)} for name, contender in times.items()
        },
        'ratios': {name: ratio(mean, means[first]) for name, mean in means.items() if name != first},
        'engine_ratios': _engine_ratios(times, interval),
        'peak': {'gmacs_per_s': round(peak.multiply_adds / 1e9, 1), 'gbytes_per_s': round(peak.bytes / 1e9, 2)},
        'share': peak_shares(times[first], frame, model, config, peak),
    }


def _engine_ratios(times: Mapping[str, Times], interval: int) -> dict[str, float]:
    first = next(iter(times))
    if first == REFERENCE or REFERENCE not in times:
        return {}
    torch, ours = times[REFERENCE], times[first]
    stages = (('key frame', 'key', 'total'), ('look', 'other', 'look'), ('windows', 'other', 'correction'))
    times_of = {
        name: [float(np.median(getattr(contender, kind)[stage])) for contender in (torch, ours)]
        for name, kind, stage in stages
        if all(stage in getattr(contender, kind) for contender in (torch, ours))
    }
    if torch.other and ours.other:
        times_of['other frame'] = [typical(torch.other), typical(ours.other)]
    times_of['mean frame'] = [torch.mean(interval), ours.mean(interval)]
    return {name: ratio(*pair) for name, pair in times_of.items()}


def peak_shares(
    times: Times, frame: NDArray[np.uint8], model: Model, config: SegmenterConfig, peak: Peak
) -> dict[str, float]:
    """Return the share of the measured peak that each stage reaches, by its median, as a fraction.

    Networks are held against the matrix product, by their multiply-adds (of windows: all there may be); the others
    against the copy of memory, by what they must at least read and write. DIS counts none of either.
    """
    counts = multiply_adds(frame, model, config)
    height, width = working_size(frame.shape[:2], config.working_height)
    shares = {}
    for stages in (times.key, times.other):
        for stage, roles in STAGES.items():
            apart = ('correction',) if stage == 'correction' and 'look' in stages else ()
            work = sum(counts.get(role, 0) for role in roles if role not in apart)
            if stage in stages and work > 10**6:
                shares[stage] = work / peak.multiply_adds / _seconds(stages[stage])
        for stage, work in least_bytes(height, width, len(model.classes)).items():
            if stage in stages:
                shares[stage] = work / peak.bytes / _seconds(stages[stage])
    return {stage: round(share, 4) for stage, share in shares.items()}


def table(results: Mapping[str, Any]) -> str:
    """Return the main figures as text."""
    kinds = [
        (name, kind)
        for name, contender in results['contenders'].items()
        for kind in ('key', 'other')
        if kind in contender
    ]
    stages = list(dict.fromkeys(s for name, kind in kinds for s in results['contenders'][name][kind] if s != 'total'))
    rows = [['ms, p50 / p95', *stages, 'total']]
    for name, kind in kinds:
        figures = results['contenders'][name][kind]
        cells = [figures.get(stage) for stage in (*stages, 'total')]
        rows.append([f'{name}: {kind}', *(f'{c["p50"]:.1f} / {c["p95"]:.1f}' if c else '-' for c in cells)])
    lines = aligned(rows)
    width, height = results['size']
    lines.append(f'a key frame every {results["key_interval"]}, {width}x{height}, ms a frame in the mean:')
    for name, contender in results['contenders'].items():
        times = f', {results["ratios"][name]:.2f} times the first' if name in results['ratios'] else ''
        lines.append(f'  {name}: {contender["mean"]:.1f}{times}')
    if results['engine_ratios']:
        ratios = ', '.join(f'{name} {value:.2f}' for name, value in results['engine_ratios'].items())
        lines.append(f'torch by the first, times: {ratios}')
    peak, shares = results['peak'], ', '.join(f'{stage} {100 * s:.0f} %' for stage, s in results['share'].items())
    lines.append(f'peak: {peak["gmacs_per_s"]:g} GMAC/s, {peak["gbytes_per_s"]:g} GB/s; of it: {shares}')
    for precision, published in results.get('published', {}).items():
        lines.append(
            f'published networks, 512x1024, non-key frame, {precision}: plain order {published["plain"]:.0f} ms, '
            f'ours {published["ours"]:.0f} ms, {published["ratio"]:.2f} times; '
            f'{100 * published["agreement"]:.2f} % of the labels equal'
        )
    for count, share in results.get('batch', {}).items():
        lines.append(f'{count} cameras: non-key frames as one batch take {share:.2f} of the time')
    for count, rates in results.get('cameras', {}).items():
        words = ', '.join(f'{rate:.1f} by {workers}' for workers, rate in rates.items())
        lines.append(f'{count} cameras: frames a second, by the number of workers: {words}')
    return '\n'.join(lines)


def chart(times: Mapping[str, Times]) -> str:
    """Return an SVG: ms a frame against the key-frame interval; `ConfigError` if Altair is not installed."""
    series = [
        Series(name, [(n, contender.mean(n)) for n in INTERVALS], markers=False) for name, contender in times.items()
    ]
    return to_svg(line_chart(series, 'key-frame interval', 'ms a frame'))


def _seconds(milliseconds: list[float]) -> float:
    return max(float(np.median(milliseconds)), 1e-6) / 1000
