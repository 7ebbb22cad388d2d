"""Line charts as SVG, small enough to be part of a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10

WIDTH, HEIGHT = 640, 360  # px
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 16, 46  # margins; the legend is in the right one
# Okabe and Ito's palette, which colour-blind readers can tell apart; modes keep their colour from chart to chart
COLORS = {'per_frame': '#000000', 'hold': '#999999', 'flow': '#0072b2', 'correct_all': '#e69f00', 'davss': '#d55e00'}
COLORS |= {'chance': '#999999', 'calibrated': '#999999'}
SPARE = ('#009e73', '#cc79a7', '#56b4e9', '#7a5195', '#8c6d31')

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        name: for the legend; one of `COLORS` has its own colour.
        points: (x, y), joined in this order; those with a nan are left out.
        dashed: draw the line dashed.
        markers: draw a dot at every point.
        texts: beside the points, if any.
    """

    name: str
    points: Sequence[Point]
    dashed: bool = False
    markers: bool = True
    texts: Sequence[str] = ()


def line_chart(
    series: Sequence[Series], x_label: str, y_label: str, x_span: Point | None = None, y_span: Point | None = None
) -> str:
    """Return an SVG element.

    Args:
        series: the lines, drawn one over the other.
        x_label: text below.
        y_label: text at the left.
        x_span: least and greatest x; by default as the points need.
        y_span: the same for y.
    """
    shown = [[p for p in one.points if isfinite(p[0]) and isfinite(p[1])] for one in series]
    x_ticks, x_span = _axis([x for points in shown for x, _ in points], x_span)
    y_ticks, y_span = _axis([y for points in shown for _, y in points], y_span)

    def place(x: float, y: float) -> Point:
        right = LEFT + (x - x_span[0]) / (x_span[1] - x_span[0]) * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - (y - y_span[0]) / (y_span[1] - y_span[0]) * (HEIGHT - TOP - BOTTOM)
        return round(right, 1), round(down, 1)

    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *_grid(x_ticks, y_ticks, (x_span[0], y_span[0]), place),
    ]
    middle_x, middle_y = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    parts.append(_text(middle_x, HEIGHT - 8, x_label, 'middle'))
    parts.append(_text(14, middle_y, y_label, 'middle', f' transform="rotate(-90 14 {middle_y})"'))
    spare = iter(SPARE * (1 + len(series) // len(SPARE)))
    for row, (one, points) in enumerate(zip(series, shown, strict=True)):
        color = COLORS.get(one.name) or next(spare)
        parts += _line(one, [place(*point) for point in points], points, color)
        parts += _legend(one, TOP + 10 + 20 * row, color)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" '
        f'aria-label="{escape(y_label)} against {escape(x_label)}" font-family="sans-serif" font-size="12">'
        f'{"".join(parts)}</svg>'
    )


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Return round numbers, 1, 2 or 5 times a power of ten apart, that enclose ``low`` to ``high``."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** floor(log10(span / about))
    step = next(power * m for m in (1, 2, 5, 10) if span / (power * m) <= about)
    return [round(step * n, 10) for n in range(floor(low / step + 1e-9), ceil(high / step - 1e-9) + 1)]


def _axis(values: Sequence[float], span: Point | None) -> tuple[list[float], Point]:
    low, high = span or (min(values, default=0.0), max(values, default=1.0))
    if low == high:
        low, high = low - 1, high + 1
    marks = ticks(low, high)
    if span:
        return [mark for mark in marks if low <= mark <= high], span
    return marks, (marks[0], marks[-1])


def _grid(
    x_ticks: Sequence[float], y_ticks: Sequence[float], corner: Point, place: Callable[[float, float], Point]
) -> list[str]:
    parts = []
    for tick in x_ticks:
        x, bottom = place(tick, corner[1])
        parts.append(f'<path d="M{x} {TOP}V{bottom}" stroke="#e5e5e5"/>{_text(x, bottom + 16, f"{tick:g}", "middle")}')
    for tick in y_ticks:
        left, y = place(corner[0], tick)
        parts.append(f'<path d="M{left} {y}H{WIDTH - RIGHT}" stroke="#e5e5e5"/>')
        parts.append(_text(left - 6, y + 4, f'{tick:g}', 'end'))
    return parts


def _line(one: Series, places: Sequence[Point], points: Sequence[Point], color: str) -> list[str]:
    dash = ' stroke-dasharray="5 4"' if one.dashed else ''
    path = ' '.join(f'{x},{y}' for x, y in places)
    parts = [f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"{dash}/>']
    if one.markers:
        name = escape(one.name)
        parts += [
            f'<circle cx="{x}" cy="{y}" r="3" fill="{color}"><title>{name}: {a:.4g}, {b:.4g}</title></circle>'
            for (x, y), (a, b) in zip(places, points, strict=True)
        ]
    parts += [_text(x + 6, y - 6, text, 'start') for (x, y), text in zip(places, one.texts, strict=False)]
    return parts


def _legend(one: Series, y: float, color: str) -> list[str]:
    x = WIDTH - RIGHT + 12
    dash = ' stroke-dasharray="5 4"' if one.dashed else ''
    return [f'<path d="M{x} {y}h18" stroke="{color}" stroke-width="2"{dash}/>', _text(x + 24, y + 4, one.name, 'start')]


def _text(x: float, y: float, text: str, anchor: str, more: str = '') -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="#333"{more}>{escape(text)}</text>'
