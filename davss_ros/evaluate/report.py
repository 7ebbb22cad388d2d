# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``report.html``: curves, tables and pictures of an evaluation in one file that needs nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from davss_ros.core.classes import SemanticClass
from davss_ros.evaluate.pages.charts import Series, Spec, line_chart
from davss_ros.evaluate.pages.page import Chart, Heading, Note, Pictures, Piece, Table, Text, cell, number, page
from davss_ros.evaluate.pages.pictures import panels
from davss_ros.evaluate.scores import WorstFrame
from davss_ros.evaluate.table import corruption_rows

Results = Mapping[str, Any]


def report(results: Results, worst: Sequence[WorstFrame], classes: Sequence[SemanticClass]) -> str:
    """Return the page.

    Args:
        results: as in ``results.json``.
        worst: frames to show.
        classes: their colours.
    """
    return page(f'{results["model"]} on {results["data"]}', _sections(results, worst, classes))


def curve_chart(results: Results, figure: str = 'miou', label: str = 'mIoU, %') -> Spec:
    """Return a chart of ``figure`` against the distance from the key frame, for every mode and model."""
    distances = results['distances']
    whole = results['modes']['per_frame'][figure]['0']
    series = [Series('per_frame', [(d, number(whole)) for d in distances], dashed=True, markers=False)]
    series += [
        Series(name, [(d, number(mode[figure][str(d)])) for d in distances]) for name, mode in _moving(results).items()
    ]
    return line_chart(series, 'distance from the key frame, frames', label)


def _sections(results: Results, worst: Sequence[WorstFrame], classes: Sequence[SemanticClass]) -> Iterator[Piece]:
    yield Text(f'{results["counted"]} labelled frames count, of {results["frames"]}.')
    if results['distances']:
        yield from _distances(results)
        yield from _intervals(results)
        yield from _streaming(results)
        if 'distortion' in results:
            yield from _distortion(results)
        yield from _confidence(results)
        yield Heading('Boundaries and consistency')
        yield Note(
            'Boundary F-score within 0.75 % of the diagonal; consistency is mIoU with the labels of the frame before, '
            'carried along the flow.'
        )
        yield Chart(curve_chart(results, 'boundary_f', 'boundary F, %'))
        yield Chart(curve_chart(results, 'consistency', 'consistency, %'))
    yield from _corruptions(results)
    yield from _classes(results)
    yield from _stages(results)
    yield from _worst(worst, classes)
    yield from _settings(results)


def _distances(results: Results) -> Iterator[Piece]:
    keys = [*map(str, results['distances']), 'mean']
    rows = [[name, *(cell(mode['miou'][key]) for key in keys)] for name, mode in _moving(results).items()]
    singles = {'': results} | {f' of {name}': model for name, model in results.get('models', {}).items()}
    single = '; '.join(
        f'the key network{of} on every frame: {cell(single_model["modes"]["per_frame"]["miou"]["mean"], 2)} mIoU'
        for of, single_model in singles.items()
    )
    yield Heading('Accuracy against the distance from the key frame')
    yield Note(f'The same frames for every distance; {single}.')
    yield Chart(curve_chart(results))
    yield Table(['mIoU at distance', *keys], rows)


def _intervals(results: Results) -> Iterator[Piece]:
    if not results['intervals']:
        return
    single = results['modes']['per_frame']
    names = {'miou': ('mIoU', 1), 'boundary_f': ('boundary F', 1), 'consistency': ('consistency', 1)}
    names |= {'ms': ('ms', 1), 'gmacs': ('GMAC', 2)}
    rows, series = [], []
    if 'cost' in single:
        ms, gmacs = single['cost']['key_ms']['total'], single['cost']['key_gmacs']
        values = [single[figure]['mean'] for figure in ('miou', 'boundary_f', 'consistency')]
        rows.append(['per_frame', '1', *map(cell, values), cell(ms), cell(gmacs, 2)])
        series.append(Series('per_frame', [(ms, single['miou']['mean'])], texts=['1']))
    for name, mode in _moving(results).items():
        for n, figures in mode['interval'].items():
            rows.append([name, n, *(cell(figures.get(key), digits) for key, (_, digits) in names.items())])
        points = [(number(figures.get('ms')), number(figures['miou'])) for figures in mode['interval'].values()]
        series.append(Series(name, points, texts=[*mode['interval']]))
    yield Heading('Cost against accuracy at a fixed key-frame interval')
    yield Note('All frames of a video, mean over the phases; the numbers in the chart are the intervals.')
    yield Chart(line_chart(series, 'ms a frame', 'mIoU, %'))
    yield Table(['mode', 'interval', *(head for head, _ in names.values())], rows)


def _streaming(results: Results) -> Iterator[Piece]:
    if not results.get('streaming'):
        return
    yield Heading('Streaming accuracy')
    yield Note(
        'The videos played at their own pace: the labels that are there at the instant of a frame, against its truth. '
        'Age: how long ago the frame was whose labels these are. Frames that come while one is in work are passed over.'
    )
    columns = [('miou', 'mIoU', 1), ('age', 'age, ms', 0), ('latency_p50', 'latency p50, ms', 1)]
    columns += [('latency_p95', 'p95, ms', 1), ('served', 'share served', 2)]
    rows = [
        [name, *(cell(figures[column], digits) for column, _, digits in columns)]
        for name, figures in results['streaming'].items()
    ]
    yield Table(['', *(head for _, head, _ in columns)], rows)


def _corruptions(results: Results) -> Iterator[Piece]:
    for name, model in {results['model']: results, **results.get('models', {})}.items():
        if 'corruption' in model:
            head, *rows = corruption_rows(model['corruption'])
            yield Heading(f'{name} on worse pictures')
            yield Note('mIoU; nothing moves, so the labels stay true.')
            yield Table(head, rows)


def _confidence(results: Results) -> Iterator[Piece]:
    models = {'': results} | results.get('models', {})
    found = {name or results['model']: model['confidence'] for name, model in models.items() if 'confidence' in model}
    if not found:
        return
    keys = ['0', *map(str, results['distances']), 'mean', 'all']
    unit = (0.0, 1.0)
    yield Heading('Confidence')
    yield Note(
        'How sure the labels are, at full size, against [label is right], on the pixels that are not void. Expected '
        'calibration error by tenths; distance 0: key frames; all: of all pixels together.'
    )
    curves = [
        Series(name, [(t['mean'], t['observed']) for t in quality['calibration']]) for name, quality in found.items()
    ]
    ideal = Series('calibrated', [(0, 0), (1, 1)], dashed=True, markers=False)
    yield Chart(line_chart([*curves, ideal], 'confidence, mean of a tenth', 'share of right labels', unit, unit))
    rows = [[name, *(cell(quality['ece'].get(key), 4) for key in keys)] for name, quality in found.items()]
    yield Table(['expected calibration error at distance', *keys], rows)


def _distortion(results: Results) -> Iterator[Piece]:
    models = {'davss': results} | {
        f'{name}/davss': model for name, model in results.get('models', {}).items() if 'distortion' in model
    }
    found = {name: model['distortion'] for name, model in models.items()}
    keys = [*map(str, results['distances']), 'mean']
    diagonal = Series('chance', [(0, 0), (1, 1)], dashed=True, markers=False)
    ideal = Series('calibrated', [(0, 0), (1, 1)], dashed=True, markers=False)
    unit = (0.0, 1.0)
    yield Heading('Distortion map')
    yield Note(
        "At full size, against [propagated label != key network's label], on the pixels that are not void; "
        'the curves are of all distances together.'
    )
    roc = [
        Series(
            name,
            [(number(x), number(y)) for x, y in zip(*quality['roc'].values(), strict=True)],
            markers=False,
        )
        for name, quality in found.items()
    ]
    yield Chart(line_chart([*roc, diagonal], 'false positive rate', 'true positive rate', unit, unit))
    calibration = [
        Series(name, [(t['mean'], t['observed']) for t in quality['calibration']]) for name, quality in found.items()
    ]
    yield Chart(line_chart([*calibration, ideal], 'value of the map, mean of a tenth', 'observed share', unit, unit))
    auc = [Series(name, [(int(k), number(quality['auc'][k])) for k in keys[:-1]]) for name, quality in found.items()]
    yield Chart(line_chart(auc, 'distance from the key frame, frames', 'AUC'))
    rows = []
    for name, quality in found.items():
        rows += [
            [f'{name}: {head}', *(cell(quality[figure][key], 3) for key in keys)]
            for head, figure in (('AUC', 'auc'), ('average precision', 'average_precision'), ('wrong', 'share_wrong'))
        ]
    yield Table(['distance', *keys], rows)
    for name, quality in found.items():
        rows = [
            [f'{t["from"]:.1f} to {t["to"]:.1f}', cell(t['mean'], 3), cell(t['observed'], 3), f'{t["count"]:,}']
            for t in quality['calibration']
        ]
        yield Table([f'calibration, {name}', 'mean value', 'observed share', 'pixels'], rows)


def _classes(results: Results) -> Iterator[Piece]:
    last = str(max(results['distances'], default=0))
    columns = {'per_frame': results['modes']['per_frame']['iou']['0']}
    columns |= {f'{name} at {last}': mode['iou'][last] for name, mode in _moving(results).items()}
    rows = [[name, *(cell(column.get(name)) for column in columns.values())] for name in columns['per_frame']]
    yield Heading('IoU by class')
    yield Table(['class', *columns], rows)


def _stages(results: Results) -> Iterator[Piece]:
    rows = []
    for name, mode in {'per_frame': results['modes']['per_frame'], **_moving(results)}.items():
        if 'cost' in mode:
            for kind in ('key', 'other'):
                stages = mode['cost'][f'{kind}_ms']
                if stages:
                    parts = ', '.join(f'{stage} {cell(ms)}' for stage, ms in stages.items() if stage != 'total')
                    gmacs = cell(mode['cost'][f'{kind}_gmacs'], 3)
                    rows.append([name, kind, cell(stages['total']), gmacs, parts])
    if rows:
        yield Heading('Cost by stage')
        yield Note(
            'Median ms, all modes in one run, frame by frame in turn. Multiply-adds are those of the networks; '
            'DIS flow, resampling and the choice of labels are not counted.'
        )
        yield Table(['mode', 'frame', 'ms', 'GMAC', 'ms by stage'], rows)


def _worst(worst: Sequence[WorstFrame], classes: Sequence[SemanticClass]) -> Iterator[Piece]:
    if worst:
        yield Heading('Worst frames')
    for frame in worst:
        share = f'{100 * frame.accuracy:.1f} % of the pixels right'
        title = f'{frame.name}, {frame.mode}, {frame.distance} frames from the key frame: {share}'
        yield Pictures(title, panels(frame, classes))


def _settings(results: Results) -> Iterator[Piece]:
    models = {results['model']: results} | results.get('models', {})
    for name, model in models.items():
        rows = []
        for key, value in model.get('provenance', {}).items():
            pairs = {f'{key}: {k}': v for k, v in value.items()} if isinstance(value, Mapping) else {key: value}
            rows += [[k, str(v)] for k, v in pairs.items()]
        if rows:
            yield Heading(f'How it was measured: {name}')
            yield Table(['what', 'value'], rows, words=True)


def _moving(results: Results) -> dict[str, Any]:
    """Return every mode but ``per_frame``, of the compared models as ``NAME/<mode>`` and only their ``davss``."""
    modes = {name: mode for name, mode in results['modes'].items() if name != 'per_frame'}
    others = {
        f'{name}/davss': model['modes']['davss']
        for name, model in results.get('models', {}).items()
        if 'davss' in model['modes']
    }
    return modes | others
