# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import auc

from davss_ros.core.classes import VOID, SemanticClass
from davss_ros.core.visualize import Painter
from davss_ros.evaluate.confusion import ConfusionMatrix
from davss_ros.evaluate.cost import Cost
from davss_ros.evaluate.map_quality import MapQuality
from davss_ros.evaluate.pages.charts import to_svg
from davss_ros.evaluate.report import curve_chart, report
from davss_ros.evaluate.results import results_of
from davss_ros.evaluate.scores import Curve, Evaluation, Scores, WorstFrame

CLASSES = (SemanticClass('road & co', (10, 20, 200)), SemanticClass('car', (200, 100, 0)))
NAMES = [semantic_class.name for semantic_class in CLASSES]
OPEN_ENDED = {'meta', 'img', 'br', 'link'}


class Page(HTMLParser):
    """Reads a page strictly: every element that is opened must be closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.sources: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list) -> None:
        if tag not in OPEN_ENDED:
            self.open.append(tag)
        if tag == 'tr':
            self.rows.append([])
        if tag in ('td', 'th'):
            self.rows[-1].append('')
        self.sources += [value for name, value in attributes if name in ('src', 'href')]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        pass  # an SVG element without content

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ('td', 'th'):
            self.rows[-1][-1] += data


def scores(seed: int, right: float) -> Scores:
    rng = np.random.default_rng(seed)
    made = Scores.empty(2)
    true = np.kron(rng.integers(0, 2, (5, 6)), np.ones((4, 4))).astype(np.uint8)
    predicted = np.where(rng.random(true.shape) < right, true, 1 - true).astype(np.uint8)
    made.add(predicted, true, np.roll(predicted, 1, 0))
    return made


@pytest.fixture
def evaluation() -> Evaluation:
    rng = np.random.default_rng(0)
    jump = ConfusionMatrix(2)
    jump.add(np.uint8([[0, 1, 1]]), np.uint8([[0, 0, 1]]))
    curves = {'per_frame': Curve({0: scores(0, 0.95)})}
    for number, mode in enumerate(('flow', 'davss')):
        curves[mode] = Curve({d: scores(d, 0.9 - 0.1 * d + 0.05 * number) for d in (1, 2)}, {3: jump})
    qualities = {}
    for d in (1, 2):
        qualities[d] = MapQuality()
        values = rng.random((30, 40), np.float32)
        qualities[d].add(values, rng.random((30, 40)) < values)
    image = rng.integers(0, 255, (20, 30, 3), np.uint8)
    true = rng.choice(np.uint8([0, 1, VOID]), (20, 30))
    worst = WorstFrame('frame <7>', 'davss', 2, 0.125, image, 1 - true // 255, true, rng.random((20, 30), np.float32))
    return Evaluation([1, 2], [3], 5, curves, qualities, [worst])


@pytest.fixture
def results(evaluation: Evaluation) -> dict[str, Any]:
    key = {'key': 80.0, 'total': 90.0}
    cost = {
        'per_frame': Cost(key, {}, 2.0, 2.0),
        'flow': Cost(key, {'flow': 11.25, 'total': 15.0}, 2.0, 0.0),
        'davss': Cost(key, {'flow': 11.25, 'total': 30.0}, 2.0, 0.5),
    }
    figures = results_of(evaluation, cost, NAMES)
    made = {'data': 'clip', 'frames': 9, 'model': 'tiny', 'distances': [1, 2], 'intervals': [3]} | figures
    made['models'] = {'a<b': {'model': 'b', **figures}}
    made['provenance'] = {'command': 'evaluate clip --out "<x>"', 'weights': {'tiny.safetensors': 'c0ffee'}}
    return made


def test_results_are_those_counted(evaluation: Evaluation, results: dict[str, Any]) -> None:
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    davss, counted = results['modes']['davss'], evaluation.curves['davss']
    assert davss['miou']['2'] == pytest.approx(100 * counted.at[2].confusion.miou(), abs=0.001)
    assert davss['miou']['mean'] == pytest.approx((davss['miou']['1'] + davss['miou']['2']) / 2, abs=0.001)
    assert davss['iou']['1']['car'] == pytest.approx(100 * counted.at[1].confusion.iou()[1], abs=0.01)
    assert davss['boundary_f']['1'] == pytest.approx(100 * counted.at[1].boundary.mean_f(), abs=0.001)
    every_third = davss['interval']['3']
    pooled = ConfusionMatrix(2)
    pooled.counts += evaluation.curves['per_frame'].at[0].confusion.counts
    pooled.counts += counted.at[1].confusion.counts + counted.at[2].confusion.counts
    assert every_third['miou'] == pytest.approx(100 * pooled.miou(), abs=0.001)
    assert (every_third['ms'], every_third['gmacs']) == (50, 1)
    assert davss['cost']['ratio'] == pytest.approx(1 / 3, abs=1e-4)
    assert results['modes']['per_frame']['miou'].keys() == {'0', 'mean'}
    distortion = results['distortion']
    assert distortion['auc']['1'] == pytest.approx(evaluation.distortion[1].auc(), abs=1e-4)
    roc = [distortion['roc'][name] for name in ('false_positive', 'true_positive')]
    assert (roc[0][0], roc[1][0], roc[0][-1], roc[1][-1]) == (0, 0, 1, 1)
    pooled_maps = evaluation.distortion[1] + evaluation.distortion[2]
    assert auc(*roc) == pytest.approx(pooled_maps.auc(), abs=1e-3)


def test_page_is_whole_and_holds_the_figures(evaluation: Evaluation, results: dict[str, Any]) -> None:
    text = report(results, evaluation.worst, CLASSES)
    page = Page(text)
    for name, mode in (('flow', results['modes']['flow']), ('a<b/davss', results['modes']['davss'])):
        assert [name, *(f'{mode["miou"][d]:.1f}' for d in ('1', '2', 'mean'))] in page.rows
        row = mode['interval']['3']
        figures = [f'{row[key]:.1f}' for key in ('miou', 'boundary_f', 'consistency', 'ms')]
        assert [name, '3', *figures, f'{row["gmacs"]:.2f}'] in page.rows
    assert ['davss: AUC', *(f'{results["distortion"]["auc"][d]:.3f}' for d in ('1', '2', 'mean'))] in page.rows
    single, davss = (results['modes'][mode]['iou'][d] for mode, d in (('per_frame', '0'), ('davss', '2')))
    road = next(row for row in page.rows if row[0] == 'road & co')
    assert road[1] == f'{single["road & co"]:.1f}' and road[3] == f'{davss["road & co"]:.1f}'
    assert ['weights: tiny.safetensors', 'c0ffee'] in page.rows
    assert ['command', 'evaluate clip --out "<x>"'] in page.rows
    assert '12.5 % of the pixels right' in text and 'frame &lt;7&gt;' in text


def test_the_confidence_has_its_expected_calibration_error_in_the_page(
    evaluation: Evaluation, results: dict[str, Any]
) -> None:
    rng = np.random.default_rng(0)
    values = {d: rng.random(2000, np.float32) for d in (0, 1, 2)}
    right = {d: rng.random(2000) < values[d] ** (1 + d) for d in values}  # less and less often than it claims
    qualities = {d: MapQuality() for d in values}
    for d, quality in qualities.items():
        quality.add(values[d], right[d])
    figures = results_of(replace(evaluation, confidence=qualities), {}, NAMES)
    page = Page(report(results | {'confidence': figures['confidence']}, evaluation.worst, CLASSES))

    def error(values: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
        tenths = [np.int64(values * 10) == tenth for tenth in range(10)]
        return sum(abs(float(values[tenth].sum()) - int(right[tenth].sum())) for tenth in tenths) / len(values)

    errors = [error(values[d], right[d]) for d in values]
    pooled = error(np.concatenate([*values.values()]), np.concatenate([*right.values()]))
    assert errors == sorted(errors) and errors[0] < 0.05 < errors[2]
    (row,) = (row for row in page.rows if len(row) == 6 and row[0] == 'tiny' and row[1] == f'{errors[0]:.4f}')
    assert [row[2], row[3], row[5]] == [f'{figure:.4f}' for figure in (*errors[1:], pooled)]
    assert ['expected calibration error at distance', '0', '1', '2', 'mean', 'all'] in page.rows


def rows_of(chart: Any) -> list[dict[str, Any]]:
    """All rows of data in a chart, wherever they are."""
    if isinstance(chart, list):
        return [row for part in chart for row in rows_of(part)]
    if not isinstance(chart, dict):
        return []
    own = [row for row in chart['values'] if isinstance(row, dict)] if isinstance(chart.get('values'), list) else []
    return [*own, *(row for part in chart.values() for row in rows_of(part) if 'y' in row)]


def test_page_needs_nothing_else(evaluation: Evaluation, results: dict[str, Any]) -> None:
    text = report(results, evaluation.worst, CLASSES)
    assert all(source.startswith('data:image/') for source in Page(text).sources)
    assert '@import' not in text and 'url(' not in text.partition('<script')[0]
    charts = [json.loads(chart) for chart in re.findall('class="spec"[^>]*>(.*?)</script>', text, re.DOTALL)]
    # mIoU, cost, ROC, calibration, AUC, boundary, consistency
    assert len(charts) == 7 and all(map(rows_of, charts))


def test_pictures_are_those_of_the_frame(evaluation: Evaluation, results: dict[str, Any]) -> None:
    sources = Page(report(results, evaluation.worst, CLASSES)).sources
    pictures = []
    for source in sources:
        data = base64.b64decode(source.partition(',')[2])
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        pictures.append(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))
    worst = evaluation.worst[0]
    assert [picture.shape for picture in pictures] == [(20, 30, 3)] * 5
    np.testing.assert_array_equal(pictures[1], Painter(CLASSES).colors(worst.predicted))
    np.testing.assert_array_equal(pictures[2], Painter(CLASSES).colors(worst.true))


def test_curves_show_every_mode_at_every_distance(results: dict[str, Any]) -> None:
    chart = curve_chart(results)
    rows = rows_of(chart)
    for name in ('flow', 'davss'):
        assert results['modes'][name]['miou']['2'] in [
            row['y'] for row in rows if (row.get('name'), row.get('x')) == (name, 2)
        ]
    texts = {element.text for element in ElementTree.fromstring(to_svg(chart)).findall('.//{*}text')}
    assert {'per_frame', 'flow', 'davss', 'a<b/davss'} <= texts


def test_stills_have_a_page_too(results: dict[str, Any]) -> None:
    modes = {'per_frame': results['modes']['per_frame']}
    text = report({'data': 'x', 'frames': 1, 'counted': 1, 'model': 'm', 'distances': [], 'modes': modes}, [], CLASSES)
    assert ['class', 'per_frame'] in Page(text).rows and '<script' not in text
