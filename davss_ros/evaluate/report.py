"""``report.html``: curves, tables and pictures of an evaluation in one file that needs nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from davss_ros.core.classes import SemanticClass
from davss_ros.evaluate.charts import Series, line_chart
from davss_ros.evaluate.pictures import panels
from davss_ros.evaluate.scores import WorstFrame

STYLE = (
    'body{font:15px/1.5 sans-serif;color:#222;background:#fff;max-width:1100px;margin:2em auto;padding:0 1em}'
    'h1{margin-bottom:0}h2{margin-top:2em;border-bottom:1px solid #ddd}svg,img{max-width:100%;height:auto}'
    'table{border-collapse:collapse;margin:1em 0;font-variant-numeric:tabular-nums;display:block;overflow-x:auto}'
    'td,th{padding:.2em .7em;text-align:right;border-bottom:1px solid #eee}'
    'td:first-child,th:first-child{text-align:left}.text td{text-align:left;word-break:break-all}'
    '.row{display:flex;flex-wrap:wrap;gap:8px}figure{margin:0;flex:1 1 190px}'
    'figcaption,.note{color:#555;font-size:13px}'
)

Results = Mapping[str, Any]


def report(results: Results, worst: Sequence[WorstFrame], classes: Sequence[SemanticClass]) -> str:
    """Return the page.

    Args:
        results: as in ``results.json``.
        worst: frames to show.
        classes: their colours.
    """
    title = f'{escape(results["model"])} on {escape(results["data"])}'
    body = ''.join(_sections(results, worst, classes))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f'<body><h1>{title}</h1>{body}</body></html>\n'
    )


def curve_chart(results: Results, figure: str = 'miou', label: str = 'mIoU, %') -> str:
    """Return an SVG of ``figure`` against the distance from the key frame, for every mode and model."""
    distances = results['distances']
    whole = results['modes']['per_frame'][figure]['0']
    series = [Series('per_frame', [(d, _number(whole)) for d in distances], dashed=True, markers=False)]
    series += [
        Series(name, [(d, _number(mode[figure][str(d)])) for d in distances]) for name, mode in _moving(results).items()
    ]
    return line_chart(series, 'distance from the key frame, frames', label)


def _sections(results: Results, worst: Sequence[WorstFrame], classes: Sequence[SemanticClass]) -> Iterator[str]:
    yield f'<p>{results["counted"]} labelled frames count, of {results["frames"]}.</p>'
    if results['distances']:
        yield from _distances(results)
        yield from _intervals(results)
        yield from _streaming(results)
        if 'distortion' in results:
            yield from _distortion(results)
        yield from _confidence(results)
        yield '<h2>Boundaries and consistency</h2>'
        yield _note(
            'Boundary F-score within 0.75 % of the diagonal; consistency is mIoU with the labels of the frame before, '
            'carried along the flow.'
        )
        yield curve_chart(results, 'boundary_f', 'boundary F, %')
        yield curve_chart(results, 'consistency', 'consistency, %')
    yield from _classes(results)
    yield from _stages(results)
    yield from _worst(worst, classes)
    yield from _settings(results)


def _distances(results: Results) -> Iterator[str]:
    keys = [*map(str, results['distances']), 'mean']
    rows = [[name, *(_cell(mode['miou'][key]) for key in keys)] for name, mode in _moving(results).items()]
    singles = {'': results} | {f' of {name}': model for name, model in results.get('models', {}).items()}
    single = '; '.join(
        f'the key network{of} on every frame: {_cell(one["modes"]["per_frame"]["miou"]["mean"], 2)} mIoU'
        for of, one in singles.items()
    )
    yield '<h2>Accuracy against the distance from the key frame</h2>'
    yield _note(f'The same frames for every distance; {single}.')
    yield curve_chart(results) + _table(['mIoU at distance', *keys], rows)


def _intervals(results: Results) -> Iterator[str]:
    if not results['intervals']:
        return
    single = results['modes']['per_frame']
    names = {'miou': ('mIoU', 1), 'boundary_f': ('boundary F', 1), 'consistency': ('consistency', 1)}
    names |= {'ms': ('ms', 1), 'gmacs': ('GMAC', 2)}
    rows, series = [], []
    if 'cost' in single:
        ms, gmacs = single['cost']['key_ms']['total'], single['cost']['key_gmacs']
        values = [single[figure]['mean'] for figure in ('miou', 'boundary_f', 'consistency')]
        rows.append(['per_frame', '1', *map(_cell, values), _cell(ms), _cell(gmacs, 2)])
        series.append(Series('per_frame', [(ms, single['miou']['mean'])], texts=['1']))
    for name, mode in _moving(results).items():
        for n, figures in mode['interval'].items():
            rows.append([name, n, *(_cell(figures.get(key), digits) for key, (_, digits) in names.items())])
        points = [(_number(one.get('ms')), _number(one['miou'])) for one in mode['interval'].values()]
        series.append(Series(name, points, texts=[*mode['interval']]))
    yield '<h2>Cost against accuracy at a fixed key-frame interval</h2>'
    yield _note('All frames of a video, mean over the phases; the numbers in the chart are the intervals.')
    yield line_chart(series, 'ms a frame', 'mIoU, %')
    yield _table(['mode', 'interval', *(head for head, _ in names.values())], rows)


def _streaming(results: Results) -> Iterator[str]:
    if not results.get('streaming'):
        return
    yield '<h2>Streaming accuracy</h2>'
    yield _note(
        'The videos played at their own pace: the labels that are there at the instant of a frame, against its truth. '
        'Age: how long ago the frame was whose labels these are. Frames that come while one is in work are passed over.'
    )
    columns = [('miou', 'mIoU', 1), ('age', 'age, ms', 0), ('latency_p50', 'latency p50, ms', 1)]
    columns += [('latency_p95', 'p95, ms', 1), ('served', 'share served', 2)]
    rows = [
        [name, *(_cell(figures[column], digits) for column, _, digits in columns)]
        for name, figures in results['streaming'].items()
    ]
    yield _table(['', *(head for _, head, _ in columns)], rows)


def _confidence(results: Results) -> Iterator[str]:
    models = {'': results} | results.get('models', {})
    found = {name or results['model']: one['confidence'] for name, one in models.items() if 'confidence' in one}
    if not found:
        return
    keys = ['0', *map(str, results['distances']), 'mean', 'all']
    unit = (0.0, 1.0)
    yield '<h2>Confidence</h2>'
    yield _note(
        'How sure the labels are, at full size, against [label is right], on the pixels that are not void. Expected '
        'calibration error by tenths; distance 0: key frames; all: of all pixels together.'
    )
    curves = [Series(name, [(t['mean'], t['observed']) for t in one['calibration']]) for name, one in found.items()]
    ideal = Series('calibrated', [(0, 0), (1, 1)], dashed=True, markers=False)
    yield line_chart([*curves, ideal], 'confidence, mean of a tenth', 'share of right labels', unit, unit)
    rows = [[name, *(_cell(one['ece'].get(key), 4) for key in keys)] for name, one in found.items()]
    yield _table(['expected calibration error at distance', *keys], rows)


def _distortion(results: Results) -> Iterator[str]:
    models = {'davss': results} | {
        f'{name}/davss': model for name, model in results.get('models', {}).items() if 'distortion' in model
    }
    found = {name: model['distortion'] for name, model in models.items()}
    keys = [*map(str, results['distances']), 'mean']
    diagonal = Series('chance', [(0, 0), (1, 1)], dashed=True, markers=False)
    ideal = Series('calibrated', [(0, 0), (1, 1)], dashed=True, markers=False)
    unit = (0.0, 1.0)
    yield '<h2>Distortion map</h2>'
    yield _note(
        "At full size, against [propagated label != key network's label], on the pixels that are not void; "
        'the curves are of all distances together.'
    )
    roc = [
        Series(
            name,
            [(_number(x), _number(y)) for x, y in zip(*one['roc'].values(), strict=True)],
            markers=False,
        )
        for name, one in found.items()
    ]
    yield line_chart([*roc, diagonal], 'false positive rate', 'true positive rate', unit, unit)
    calibration = [
        Series(name, [(t['mean'], t['observed']) for t in one['calibration']]) for name, one in found.items()
    ]
    yield line_chart([*calibration, ideal], 'value of the map, mean of a tenth', 'observed share', unit, unit)
    auc = [Series(name, [(int(k), _number(one['auc'][k])) for k in keys[:-1]]) for name, one in found.items()]
    yield line_chart(auc, 'distance from the key frame, frames', 'AUC')
    rows = []
    for name, one in found.items():
        rows += [
            [f'{name}: {head}', *(_cell(one[figure][key], 3) for key in keys)]
            for head, figure in (('AUC', 'auc'), ('average precision', 'average_precision'), ('wrong', 'share_wrong'))
        ]
    yield _table(['distance', *keys], rows)
    for name, one in found.items():
        rows = [
            [f'{t["from"]:.1f} to {t["to"]:.1f}', _cell(t['mean'], 3), _cell(t['observed'], 3), f'{t["count"]:,}']
            for t in one['calibration']
        ]
        yield _table([f'calibration, {name}', 'mean value', 'observed share', 'pixels'], rows)


def _classes(results: Results) -> Iterator[str]:
    last = str(max(results['distances'], default=0))
    columns = {'per_frame': results['modes']['per_frame']['iou']['0']}
    columns |= {f'{name} at {last}': mode['iou'][last] for name, mode in _moving(results).items()}
    rows = [[name, *(_cell(one.get(name)) for one in columns.values())] for name in columns['per_frame']]
    yield '<h2>IoU by class</h2>' + _table(['class', *columns], rows)


def _stages(results: Results) -> Iterator[str]:
    rows = []
    for name, mode in {'per_frame': results['modes']['per_frame'], **_moving(results)}.items():
        if 'cost' in mode:
            for kind in ('key', 'other'):
                stages = mode['cost'][f'{kind}_ms']
                if stages:
                    parts = ', '.join(f'{stage} {_cell(ms)}' for stage, ms in stages.items() if stage != 'total')
                    gmacs = _cell(mode['cost'][f'{kind}_gmacs'], 3)
                    rows.append([name, kind, _cell(stages['total']), gmacs, parts])
    if rows:
        yield '<h2>Cost by stage</h2>' + _note(
            'Median ms, all modes in one run, frame by frame in turn. Multiply-adds are those of the networks; '
            'DIS flow, resampling and the choice of labels are not counted.'
        )
        yield _table(['mode', 'frame', 'ms', 'GMAC', 'ms by stage'], rows)


def _worst(worst: Sequence[WorstFrame], classes: Sequence[SemanticClass]) -> Iterator[str]:
    if worst:
        yield '<h2>Worst frames</h2>'
    for frame in worst:
        share = f'{100 * frame.accuracy:.1f} % of the pixels right'
        yield f'<p>{escape(frame.name)}, {frame.mode}, {frame.distance} frames from the key frame: {share}</p>'
        pictures = (
            f'<figure><img src="{address}" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'
            for caption, address in panels(frame, classes).items()
        )
        yield f'<div class="row">{"".join(pictures)}</div>'


def _settings(results: Results) -> Iterator[str]:
    models = {results['model']: results} | results.get('models', {})
    for name, model in models.items():
        rows = []
        for key, value in model.get('provenance', {}).items():
            pairs = {f'{key}: {k}': v for k, v in value.items()} if isinstance(value, Mapping) else {key: value}
            rows += [[k, str(v)] for k, v in pairs.items()]
        if rows:
            yield f'<h2>How it was measured: {escape(name)}</h2>' + _table(['what', 'value'], rows, ' class="text"')


def _moving(results: Results) -> dict[str, Any]:
    """Return every mode but ``per_frame``, of the compared models as ``NAME/<mode>`` and only their ``davss``."""
    modes = {name: mode for name, mode in results['modes'].items() if name != 'per_frame'}
    others = {
        f'{name}/davss': model['modes']['davss']
        for name, model in results.get('models', {}).items()
        if 'davss' in model['modes']
    }
    return modes | others


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], attributes: str = '') -> str:
    lines = [''.join(f'<th>{escape(cell)}</th>' for cell in head)]
    lines += [''.join(f'<td>{escape(cell)}</td>' for cell in row) for row in rows]
    return f'<table{attributes}>{"".join(f"<tr>{line}</tr>" for line in lines)}</table>'


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _cell(value: float | None, digits: int = 1) -> str:
    return '-' if value is None else f'{value:.{digits}f}'


def _number(value: float | None) -> float:
    return float('nan') if value is None else value
