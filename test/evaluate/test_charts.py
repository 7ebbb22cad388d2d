from xml.etree import ElementTree

import pytest

from davss_ros.evaluate.charts import HEIGHT, WIDTH, Series, line_chart, ticks

SVG = '{http://www.w3.org/2000/svg}'


def places(svg: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(one.attrib['cx']), float(one.attrib['cy'])) for one in svg.iter(f'{SVG}circle')]


def test_points_lie_where_the_axes_say() -> None:
    svg = ElementTree.fromstring(
        line_chart([Series('one', [(0, 0), (1, 10), (2, 5), (4, 20)])], 'x', 'y', (0, 4), (0, 20))
    )
    (x0, y0), (x1, y1), (x2, y2), (x4, y4) = places(svg)
    assert [x1 - x0, x2 - x0] == pytest.approx([(x4 - x0) / 4, (x4 - x0) / 2], abs=0.11)
    assert [y0 - y1, y0 - y2] == pytest.approx([(y0 - y4) / 2, (y0 - y4) / 4], abs=0.11)
    assert y0 > y4 and x4 > x0  # up and to the right
    titles = [one.text for one in svg.iter(f'{SVG}title')]
    assert titles == ['one: 0, 0', 'one: 1, 10', 'one: 2, 5', 'one: 4, 20']


def test_everything_is_inside_and_named() -> None:
    series = [Series('a<b', [(1, 71.5), (9, 63)], texts=['5', '10']), Series('flow', [(1, 70), (9, float('nan'))])]
    svg = ElementTree.fromstring(line_chart(series, 'distance & more', 'mIoU'))
    assert svg.attrib['viewBox'] == f'0 0 {WIDTH} {HEIGHT}'
    assert len(places(svg)) == 3  # no point without a number
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places(svg))
    texts = [one.text for one in svg.iter(f'{SVG}text')]
    assert {'a<b', 'flow', 'distance & more', 'mIoU', '5', '10'} <= set(texts)
    assert len({one.attrib['stroke'] for one in svg.iter(f'{SVG}polyline')}) == 2


@pytest.mark.parametrize('points', [[], [(3, 5)], [(1, 2), (1, 2)], [(float('nan'), 1)]])
def test_few_points_are_no_trouble(points: list) -> None:
    svg = ElementTree.fromstring(line_chart([Series('one', points)], 'x', 'y'))
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places(svg))


@pytest.mark.parametrize(
    ('low', 'high', 'expected'),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (49.1, 71.4, [45, 50, 55, 60, 65, 70, 75]),
        (1, 9, [0, 2, 4, 6, 8, 10]),
        (0.9554, 0.9688, [0.955, 0.96, 0.965, 0.97]),
    ],
)
def test_ticks_are_round_and_enclose(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)
