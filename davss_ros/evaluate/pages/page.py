# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A page of headings, notes, charts, tables and pictures in one file; the template holds the look of all reports."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from davss_ros.errors import ConfigError
from davss_ros.evaluate.pages.charts import MISSING, Spec, javascript

TEMPLATE = 'page.html.j2'


@dataclass(frozen=True)
class Heading:
    """Begins a section."""

    text: str
    kind: str = 'heading'


@dataclass(frozen=True)
class Text:
    """A paragraph; small if it is a note."""

    text: str
    kind: str = 'text'


@dataclass(frozen=True)
class Note:
    """A small paragraph."""

    text: str
    kind: str = 'note'


@dataclass(frozen=True)
class Chart:
    """A chart, as `davss_ros.evaluate.pages.charts.line_chart` makes it; ``timed``: it shows moments."""

    spec: Spec
    timed: bool = False
    kind: str = 'chart'


@dataclass(frozen=True)
class Table:
    """Rows of text under a head; ``words``: of text rather than of numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: bool = False
    kind: str = 'table'


@dataclass(frozen=True)
class Pictures:
    """Pictures in a row, as ``data:`` addresses by caption; ``moment``: the x in all charts that its title shows."""

    title: str
    addresses: dict[str, str]
    moment: float | None = None
    kind: str = 'pictures'


Piece = Heading | Text | Note | Chart | Table | Pictures


def page(title: str, pieces: Iterable[Piece]) -> str:
    """Return the page.

    Raises:
        ConfigError: the packages of the extra ``report`` are not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise ConfigError(f'{MISSING} (jinja2 is missing)') from error
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    content = list(pieces)
    script = javascript() if any(isinstance(piece, Chart) for piece in content) else ''
    # a string that ends the element would end the script, wherever it stands
    script = script.replace('</script', '<\\/script')
    return environment.get_template(TEMPLATE).render(title=title, pieces=content, script=script)


def cell(value: float | None, digits: int = 1) -> str:
    """Return a number for a table, a dash for none."""
    return '-' if value is None else f'{value:.{digits}f}'


def number(value: float | None) -> float:
    """Return a number for a chart, nan for none."""
    return float('nan') if value is None else value
