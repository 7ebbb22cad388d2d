# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``report.html`` of ``evaluate_bag``."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from davss_ros.core.classes import VOID, SemanticClass
from davss_ros.core.visualize import Painter
from davss_ros.evaluate.bags.figures import NAMES
from davss_ros.evaluate.bags.moments import Moment
from davss_ros.evaluate.bags.run import Segmented
from davss_ros.evaluate.bags.traces import Trace, traces
from davss_ros.evaluate.pages.charts import Mark, Series, line_chart
from davss_ros.evaluate.pages.page import Chart, Heading, Note, Pictures, Piece, Table, Text, cell, number, page
from davss_ros.evaluate.pages.pictures import data_address

TITLES = {'miou': 'mIoU', 'agreement': 'agreement'}
MOST_MARKS = 300  # key frames drawn as lines
TIME = 's since the first frame'

Results = Mapping[str, Any]


def report(
    results: Results,
    rows: Path,
    looks: Sequence[tuple[Moment, Segmented]],
    classes: Sequence[SemanticClass],
) -> str:
    """Return the page.

    Args:
        results: as in ``results.json``.
        rows: the file they are from, for the curves over time.
        looks: frames to show.
        classes: their colours.
    """
    found = traces(rows, len(classes))
    began = {bag: min(t.began for t in found if t.bag == bag) for bag in {t.bag for t in found}}
    pieces = [*_summary(results), *_comparison(results), *_variants(results), *_over_time(results, found, began)]
    pieces += [*_moments(results, looks, classes, began), *_distance(results), *_classes(results), *_map(results)]
    pieces += [*_latency(results), *_live(results), *_settings(results)]
    return page(', '.join(results['bags']) or 'no bag', pieces)


def _name(results: Results) -> str:
    return NAMES.get(results['against'], ('', ''))[0]


def _summary(results: Results) -> Iterator[Piece]:
    name = _name(results)
    if results['partial']:
        yield Text('Partial: not all frames were evaluated.')
    for bag, line in results['failed'].items():
        yield Text(f'{bag} failed: {line}')
    if name == 'agreement':
        yield Note(
            "There are no labels: frames are compared with the key network's own labels of every frame. Agreement says "
            'what propagation costs, not whether labels are right. It is the mean over the classes of intersection '
            'over union, in per cent.'
        )
    head = ['', 'frames', *([TITLES[name], 'frames counted', f'streaming {TITLES[name]}'] if name else [])]
    head += ['key frames', 'p50 ms', 'p95 ms', 'dropped if live', 'skipped', 'gaps']
    entries = [*results['bags'].items()]
    entries += [('all', results['all'])] if len(entries) > 1 else []
    yield Table(head, [_row(title, summary, name) for title, summary in entries])
    for bag, summary in results['bags'].items():
        for topic, counts in summary.get('labels', {}).items():
            counted = ', '.join(f'{key.replace("_", " ")}: {value}' for key, value in counts.items())
            yield Note(f'Labels of {bag}, {topic}: {counted}.')
        reasons = {**summary['skipped'], **summary.get('unlabelled', {})}
        if reasons:
            yield Table([f'{bag}: left out', 'frames'], [[key, str(value)] for key, value in reasons.items()])
        for remark in summary['remarks']:
            yield Note(remark)


def _row(title: str, summary: Mapping[str, Any], name: str) -> list[str]:
    row = [title, str(summary['frames'])]
    if name:
        row += [cell(summary[name], 2), str(summary['counted']), cell(summary[f'streaming_{name}'], 2)]
    latency, live = summary['latency_ms'], summary['dropped_if_live']
    row += [str(sum(summary['key_frames'].values())), cell(latency.get('p50')), cell(latency.get('p95'))]
    return [*row, str(live['dropped']), str(sum(summary['skipped'].values())), str(summary['gaps']['count'])]


def _comparison(results: Results) -> Iterator[Piece]:
    if not results.get('comparison'):
        return
    comparison, name = results['comparison'], _name(results)
    yield Heading('Against the baseline')
    if name in comparison:
        change = comparison[name]
        low, high = (cell(end, 3) for end in change['interval'])
        yield Text(
            f'{TITLES[name]} {cell(change["baseline"], 3)} before, {cell(change["now"], 3)} now: '
            f'{number(change["change"]):+.3f} points, 95 % of the draws of {change["blocks"]} blocks of consecutive '
            f'frames from {low} to {high}.'
        )
        points = [(number(value), place) for place, value in enumerate(comparison['by_class'].values())]
        texts = [f'{label} {number(value):+.2f}' for label, value in comparison['by_class'].items()]
        changes = [Series('change', points, texts=texts, joined=False)]
        zero = Series('no change', [(0, -0.5), (0, len(points) - 0.5)], dashed=True, markers=False)
        yield Chart(line_chart([*changes, zero], 'change of IoU, points', 'class'))
    before, now = (comparison['latency_ms'][key] for key in ('baseline', 'now'))
    yield Note(f'Latency p50: {cell(before)} ms before, {cell(now)} ms now.')


def _variants(results: Results) -> Iterator[Piece]:
    if not results.get('variants'):
        return
    name = _name(results)
    entries = {'as given': results['all'], **{key: variant['all'] for key, variant in results['variants'].items()}}
    yield Heading('Variants: accuracy against cost' if name else 'Variants')
    head = ['', *([TITLES[name], f'streaming {TITLES[name]}'] if name else []), 'mean ms', 'p50 ms', 'p95 ms']
    rows = []
    for title, variant in entries.items():
        latency = variant['latency_ms']
        figures = [cell(variant[name], 2), cell(variant[f'streaming_{name}'], 2)] if name else []
        rows.append([title, *figures, *(cell(latency.get(key)) for key in ('mean', 'p50', 'p95'))])
    yield Table(head, rows)
    if name:
        points = {title: (number(e['latency_ms'].get('mean')), number(e[name])) for title, e in entries.items()}
        series = [Series(title, [point], texts=[title]) for title, point in points.items()]
        yield Chart(line_chart(series, 'mean ms a frame', f'{TITLES[name]}, %'))


def _over_time(results: Results, found: Sequence[Trace], began: Mapping[str, int]) -> Iterator[Piece]:
    name = _name(results)
    for bag in began:
        own = [trace for trace in found if trace.bag == bag]
        keys = sorted({(t - began[bag]) / 1e9 for trace in own for t in trace.keys})
        marks = [Mark('key frame', at) for at in keys] if len(keys) <= MOST_MARKS else []
        titles = {trace.camera: trace.camera if len(own) > 1 else '' for trace in own}
        yield Heading(f'Over time: {bag}')
        yield Note('Scroll over a chart to zoom, drag to move, double-click to see all of it again.')
        if name:
            what = 'pixels like the key network, %' if name == 'agreement' else 'pixels right, %'
            series = [_series(trace, 'right', titles[trace.camera] or 'of a frame', began[bag]) for trace in own]
            blocks: dict[str, list[tuple[float, float]]] = {}
            for block in results['bags'].get(bag, {}).get('by_time', []):
                middle = (block['from'] + block['to']) / 2
                blocks.setdefault(block['camera'], []).append((middle, number(block[name])))
            series += [
                Series(f'{TITLES[name]} of {length} frames {titles.get(camera, "")}'.strip(), points, dashed=True)
                for camera, points in blocks.items()
                if (length := results['bags'][bag]['by_time'][0]['frames'])
            ]
            yield Chart(line_chart(series, TIME, what, marks=marks), timed=True)
        for attribute, label in (('distortion', 'mean distortion'), ('ms', 'latency, ms')):
            series = [_series(trace, attribute, titles[trace.camera] or 'of a frame', began[bag]) for trace in own]
            yield Chart(line_chart(series, TIME, label, marks=marks), timed=True)


def _series(trace: Trace, attribute: str, name: str, began: int) -> Series:
    points = [((t - began) / 1e9, value) for t, value in trace.points(attribute)]
    return Series(name, points, markers=len(points) <= 200)


def _moments(
    results: Results,
    looks: Sequence[tuple[Moment, Segmented]],
    classes: Sequence[SemanticClass],
    began: Mapping[str, int],
) -> Iterator[Piece]:
    if not looks:
        return
    painter, name = Painter(classes), _name(results)
    yield Heading('Worst moments')
    yield Note('A click on a time shows it in all charts.')
    for moment, segmented in looks:
        row, image = moment.row, segmented.frame.image
        assert image is not None
        second = (row.stamp - began[row.bag]) / 1e9
        wrong = f'{100 * moment.score:.1f} % of the pixels ' if name else f'mean distortion {row.distortion:.3f}'
        wrong += {'miou': 'wrong', 'agreement': 'other than the key network says', '': ''}[name]
        key = f'key frame ({row.key})' if row.key else f'{row.distance} frames from the key frame'
        addresses = {
            'image': data_address(image, '.jpg'),
            'labels': data_address(painter.overlay(image, segmented.result.labels, 0.5), '.jpg'),
        }
        if segmented.reference is not None:
            reference = segmented.reference
            differing = painter.overlay(image, np.full_like(reference, VOID), 0.7)
            differing[(segmented.result.labels != reference) & (reference != VOID)] = (255, 40, 40)
            what = 'true labels' if name == 'miou' else "key network's labels"
            addresses[what] = data_address(painter.colors(reference), '.png')
            addresses['differing pixels, red'] = data_address(differing, '.jpg')
        addresses['distortion, 0 black to 1 yellow'] = data_address(painter.heat(segmented.result.distortion), '.jpg')
        title = f'{row.bag} {row.camera} at {second:.2f} s, message {row.n}: {wrong}, {key}'
        yield Pictures(title, addresses, round(second, 3))


def _distance(results: Results) -> Iterator[Piece]:
    name, overall = _name(results), results['all']
    if not name or not overall['by_distance']:
        return
    yield Heading('By distance from the key frame')
    yield Note('A frame counts at the distance that it had in this run; other frames at each distance, so no slope.')
    found = {'as given': overall} | {key: variant['all'] for key, variant in results.get('variants', {}).items()}
    series = []
    for title, e in found.items():
        series.append(Series(title, [(int(d), number(at[name])) for d, at in e['by_distance'].items()]))
    yield Chart(line_chart(series, 'distance from the key frame, frames', f'{TITLES[name]}, %'))
    rows = [[d, cell(at[name], 2), str(at['frames'])] for d, at in overall['by_distance'].items()]
    yield Table(['distance', TITLES[name], 'frames'], rows)


def _classes(results: Results) -> Iterator[Piece]:
    if not _name(results):
        return
    by_class = NAMES[results['against']][1]
    columns = dict(results['bags']) if len(results['bags']) > 1 else {}
    columns |= {'all': results['all']} | {key: variant['all'] for key, variant in results.get('variants', {}).items()}
    yield Heading('By class')
    rows = [[label, *(cell(e[by_class][label], 2) for e in columns.values())] for label in results['classes']]
    yield Table([f'{"IoU" if by_class == "iou" else "agreement"}, %', *columns], rows)


def _map(results: Results) -> Iterator[Piece]:
    found = results['all'].get('distortion_map')
    if not found:
        return
    yield Heading("The distortion map's honesty")
    against = "the key network's label" if _name(results) == 'agreement' else 'the true label'
    yield Note(
        f'On frames between key frames, against [propagated label != {against}], before anything was redone. '
        f'AUC {cell(found["auc"], 3)}, average precision {cell(found["average_precision"], 3)}; '
        f'{100 * found["share_wrong"]:.2f} % of the pixels were propagated wrong.'
    )
    points = [(t['mean'], t['observed']) for t in found['calibration']]
    ideal = Series('calibrated', [(0, 0), (1, 1)], dashed=True, markers=False)
    yield Chart(line_chart([Series('davss', points), ideal], 'value of the map', 'share wrong', (0, 1), (0, 1)))
    rows = [
        [f'{t["from"]:.1f} to {t["to"]:.1f}', cell(t['observed'], 3), f'{t["count"]:,}'] for t in found['calibration']
    ]
    yield Table(['value of the map', 'share wrong', 'pixels'], rows)


def _latency(results: Results) -> Iterator[Piece]:
    overall = results['all']
    latency = overall['latency_ms']
    if not latency:
        return
    yield Heading('Latency')
    live = overall['dropped_if_live']
    share = 0 if live['share'] is None else 100 * live['share']
    yield Note(
        f'Of the step alone, on this machine: p50 {latency["p50"]} ms, p95 {latency["p95"]}, p99 {latency["p99"]}, '
        f'at most {latency["max"]}. A node that gets the frames at their times and takes as long as here would drop '
        f'{live["dropped"]} of {overall["frames"]} frames ({share:.1f} %), a simulation.'
    )
    stages = [*dict.fromkeys(s for kind in ('key', 'other') for s in latency.get(kind, {}).get('stages', {}))]
    rows = [
        [title, cell(latency[kind]['p50']), *(cell(latency[kind]['stages'].get(stage)) for stage in stages)]
        for kind, title in (('key', 'key frames'), ('other', 'other frames'))
        if kind in latency
    ]
    yield Table(['ms', 'p50', *(f'mean {stage}' for stage in stages)], rows)


def _live(results: Results) -> Iterator[Piece]:
    if not results.get('live'):
        return
    yield Heading('Through the running node')
    yield Note(
        'The bags played over DDS; labels can only be the same where no frame was dropped before. Simulated: drop_old, '
        'by the times of steps measured here.'
    )
    rows = []
    for bag, policies in results['live'].items():
        for policy, outcome in policies.items():
            counts = [str(outcome[key]) for key in ('sent', 'out', 'dropped', 'same', 'different')]
            rows.append([bag, policy, *counts, *(cell(outcome['latency_ms'].get(p)) for p in ('p50', 'p95'))])
        live = results['bags'][bag]['dropped_if_live']
        latency = [cell(live.get('latency_ms', {}).get(p)) for p in ('p50', 'p95')]
        frames = results['bags'][bag]['frames']
        rows.append(
            [bag, 'simulated', str(frames), str(frames - live['dropped']), str(live['dropped']), '-', '-', *latency]
        )
    head = ['bag', 'policy', 'sent', 'out', 'dropped', 'same labels', 'other labels', 'p50 ms', 'p95 ms']
    yield Table(head, rows)


def _settings(results: Results) -> Iterator[Piece]:
    rows = []
    for key, value in results['provenance'].items():
        pairs = {f'{key}: {k}': v for k, v in value.items()} if isinstance(value, Mapping) else {key: value}
        rows += [[k, str(v)] for k, v in pairs.items()]
    yield Heading('How it was measured')
    yield Table(['what', 'value'], rows, words=True)
