# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import json
from xml.etree import ElementTree

import pytest

from davss_ros.evaluate.pages.charts import COLORS, Mark, Series, javascript, line_chart, to_svg


def texts(svg: ElementTree.Element) -> set[str]:
    return {element.text or '' for element in svg.iter('{http://www.w3.org/2000/svg}text')}


def points(svg: ElementTree.Element) -> list[tuple[float, float]]:
    """Places of the dots, relative to each other."""
    transforms = [
        element.attrib['transform'] for element in svg.iter() if element.attrib.get('aria-roledescription') == 'point'
    ]
    return [tuple(map(float, transform[len('translate(') : -1].split(','))) for transform in transforms]  # type: ignore[misc]  # two of them


def test_points_lie_where_the_axes_say() -> None:
    spec = line_chart([Series('one', [(0, 0), (1, 10), (2, 5), (4, 20)])], 'x', 'y', (0, 4), (0, 20))
    (x0, y0), (x1, y1), (x2, y2), (x4, y4) = points(ElementTree.fromstring(to_svg(spec)))
    assert [x1 - x0, x2 - x0] == pytest.approx([(x4 - x0) / 4, (x4 - x0) / 2], abs=0.11)
    assert [y0 - y1, y0 - y2] == pytest.approx([(y0 - y4) / 2, (y0 - y4) / 4], abs=0.11)
    assert y0 > y4 and x4 > x0  # up and to the right


def test_everything_is_named_and_what_has_no_number_left_out() -> None:
    series = [Series('a<b', [(1, 71.5), (9, 63)], texts=['5', '10']), Series('flow', [(1, 70), (9, float('nan'))])]
    svg = ElementTree.fromstring(to_svg(line_chart(series, 'distance & more', 'mIoU', marks=[Mark('key frame', 3)])))
    assert len(points(svg)) == 3
    assert {'a<b', 'flow', 'key frame', 'distance & more', 'mIoU', '5', '10'} <= texts(svg)
    assert COLORS['flow'] in ElementTree.tostring(svg, encoding='unicode')


@pytest.mark.parametrize(('places', 'count'), [([], 0), ([(3, 5)], 1), ([(1, 2), (1, 2)], 2), ([(float('nan'), 1)], 0)])
def test_few_points_are_no_trouble(places: list, count: int) -> None:
    assert len(points(ElementTree.fromstring(to_svg(line_chart([Series('one', places)], 'x', 'y'))))) == count


def test_charts_can_be_zoomed_and_show_a_moment() -> None:
    spec = line_chart([Series('one', [(0, 0), (1, 1)])], 'x', 'y')
    assert json.loads(json.dumps(spec, allow_nan=False)) == spec
    assert 'scales' in {param.get('bind') for param in spec['params']}
    assert 'moment' in {param['name'] for param in spec['params']}


def test_the_script_is_all_that_a_page_needs() -> None:
    assert 'window.vegaEmbed=' in javascript()
