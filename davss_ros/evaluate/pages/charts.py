# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Line charts by Vega-Lite (Altair): in a page one can zoom into them, and they can be written as SVG."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any

from davss_ros.errors import ConfigError

WIDTH, HEIGHT = 780, 300  # px, of the plot itself
# Okabe and Ito's palette, which colour-blind readers can tell apart; modes keep their colour from chart to chart
COLORS = {'per_frame': '#000000', 'hold': '#999999', 'flow': '#0072b2', 'correct_all': '#e69f00', 'davss': '#d55e00'}
COLORS |= {'chance': '#999999', 'calibrated': '#999999', 'key frame': '#8080a0', 'no change': '#999999'}
SPARE = ('#009e73', '#cc79a7', '#56b4e9', '#7a5195', '#8c6d31', '#0072b2', '#d55e00', '#e69f00')
MISSING = "reports need the packages of the extra report: pip install 'davss_ros[report]'"

Point = tuple[float, float]
Spec = dict[str, Any]


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        name: for the legend; one of `COLORS` has its own colour.
        points: (x, y), joined in this order; those with a nan are left out.
        dashed: draw the line dashed.
        markers: draw a dot at every point.
        texts: beside the points, if any.
        joined: draw the line.
    """

    name: str
    points: Sequence[Point]
    dashed: bool = False
    markers: bool = True
    texts: Sequence[str] = ()
    joined: bool = True


@dataclass(frozen=True)
class Mark:
    """A place on the x axis, drawn as a thin line from bottom to top; of one name and colour."""

    name: str
    x: float


def line_chart(
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    x_span: Point | None = None,
    y_span: Point | None = None,
    marks: Sequence[Mark] = (),
) -> Spec:
    """Return a chart as Vega-Lite; the variable ``moment`` (an x) draws a line through it.

    Args:
        series: the lines, drawn one over the other.
        x_label: text below.
        y_label: text at the left.
        x_span: least and greatest x; by default as the points need.
        y_span: the same for y.
        marks: places on the x axis.

    Raises:
        ConfigError: Altair is not installed.
    """
    alt = altair()
    rows = [row for curve in series for row in _rows(curve)]
    names = [*dict.fromkeys([*(curve.name for curve in series), *(mark.name for mark in marks)])]
    color = alt.Color(
        'name:N',
        sort=None,
        scale=alt.Scale(domain=names, range=_colors(names)),
        legend=alt.Legend(title=None, labelLimit=220),
    )
    padding = 45 if any(any(line.texts) for line in series) else 0  # for the texts
    counted = all(float(row['x']).is_integer() for row in rows)  # such as frames: no ticks between
    axis = alt.Axis(tickMinStep=1, format='d') if counted else alt.Axis()
    x = alt.X('x:Q', title=x_label, scale=_scale(alt, x_span, padding), axis=axis)
    y = alt.Y('y:Q', title=y_label, scale=_scale(alt, y_span, padding // 3))
    base = alt.Chart(alt.Data(values=rows))
    dash = alt.StrokeDash('dashed:N', scale=alt.Scale(domain=[False, True], range=[[1, 0], [5, 4]]), legend=None)
    tip = [alt.Tooltip('name:N', title=' '), *(alt.Tooltip(f'{axis}:Q', format='.5~g') for axis in 'xy')]
    moment = alt.param(name='moment', value=None)
    zoom = alt.selection_interval(name='zoom', bind='scales')
    layers = [
        alt.Chart(alt.Data(values=[{'name': mark.name, 'x': mark.x} for mark in marks]))
        .mark_rule(strokeWidth=1, opacity=0.5)
        .encode(x, color, tooltip=['name:N', 'x:Q']),
        base.transform_filter('datum.joined')
        .mark_line(strokeWidth=1.8)
        .encode(x, y, color, dash, order='order:Q')
        .add_params(zoom),
        base.transform_filter('datum.marker').mark_point(filled=True, size=35).encode(x, y, color, tooltip=tip),
        base.transform_filter('datum.text').mark_text(dx=8, dy=-8).encode(x, y, color, alt.Text('text:N')),
        alt.Chart(alt.Data(values=[{}]))
        .transform_calculate(x='moment')
        .transform_filter('isValid(datum.x)')
        .mark_rule(strokeWidth=2, color='#d00000')
        .encode(x),
    ]
    chosen = layers if marks else layers[1:]
    chart = alt.layer(*chosen).properties(width=WIDTH, height=HEIGHT).add_params(moment)
    return chart.to_dict()


def to_svg(spec: Spec) -> str:
    """Return a chart as an SVG document; `ConfigError` if vl-convert is not installed."""
    return str(converter().vegalite_to_svg(json.dumps(spec), _version()))


def altair() -> Any:
    """Return the module; `ConfigError` if it is not installed."""
    try:
        import altair
    except ImportError as error:
        raise ConfigError(f'{MISSING} (altair is missing)') from error
    return altair


def converter() -> Any:
    """Return vl-convert, which holds Vega itself; `ConfigError` if it is not installed."""
    try:
        import vl_convert
    except ImportError as error:
        raise ConfigError(f'{MISSING} (vl-convert-python is missing)') from error
    return vl_convert


@lru_cache(maxsize=1)
def javascript() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script."""
    return str(converter().javascript_bundle(vl_version=_version()))


def _version() -> str:
    """Return the version of Vega-Lite that Altair writes, as vl-convert names it: without the last number."""
    return str(altair().SCHEMA_VERSION).lstrip('v').rpartition('.')[0]


def _rows(line: Series) -> list[dict[str, Any]]:
    texts = [*line.texts, *[''] * len(line.points)]
    return [
        {
            'name': line.name,
            'x': float(x),
            'y': float(y),
            'order': order,
            'dashed': line.dashed,
            'marker': line.markers,
            'joined': line.joined,
            'text': text,
        }
        for order, ((x, y), text) in enumerate(zip(line.points, texts, strict=False))
        if isfinite(x) and isfinite(y)
    ]


def _colors(names: Sequence[str]) -> list[str]:
    spare = iter(SPARE * (1 + len(names) // len(SPARE)))
    return [COLORS.get(name) or next(spare) for name in names]


def _scale(alt: Any, span: Point | None, padding: int) -> Any:
    return (
        alt.Scale(zero=False, nice=True, padding=padding) if span is None else alt.Scale(domain=list(span), nice=False)
    )
