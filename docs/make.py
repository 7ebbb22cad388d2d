# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Write the tables of parameters.md and topics.md, made from the code: ``python docs/make.py``."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from davss_ros.core.parameters import CONFIGS, KNOWN
from davss_ros.ros.topics import CAMERA_OUTPUTS, INPUTS, NODE_OUTPUTS, Topic

DOCS = Path(__file__).parent
START, END = '<!-- made by docs/make.py: {} -->', '<!-- end -->'


def tables() -> dict[str, dict[str, str]]:
    """Return, by page and name, the tables that it holds between its markers."""
    return {
        'parameters.md': {config.__name__: _parameters(config) for config in CONFIGS},
        'topics.md': {
            'inputs': _topics(INPUTS, ''),
            'outputs of a camera': _topics(CAMERA_OUTPUTS, '~/'),
            'outputs of the node': _topics(NODE_OUTPUTS, '~/'),
        },
    }


def filled(page: str, contents: dict[str, str]) -> str:
    """Return the text of a page with its tables in place of what is between their markers."""
    for name, table in contents.items():
        start = START.format(name)
        before, _, rest = page.partition(start)
        if not rest:
            raise ValueError(f'expected a line {start}')
        page = f'{before}{start}\n\n{table}\n{END}{rest.partition(END)[2]}'
    return page


def _parameters(config: type[Any]) -> str:
    names = [name for name in KNOWN if name in config.__dataclass_fields__]
    return _table(('parameter', 'default', 'values', 'meaning'), map(_parameter, names))


def _parameter(name: str) -> tuple[str, ...]:
    setting = KNOWN[name]
    limits = setting.metadata
    shown = f'*`{name}`*' if limits.get('changeable') else f'`{name}`'
    default = str(setting.default).lower() if isinstance(setting.default, bool) else str(setting.default)
    values = {bool: '`true`, `false`', str: 'text'}.get(type(setting.default), '')
    if 'choices' in limits:
        values = ', '.join(f'`{choice}`' for choice in limits['choices'] if choice)
    elif 'minimum' in limits:
        values = f'{limits["minimum"]:g} to {limits["maximum"]:g}'
    return shown + ' †' * bool(limits.get('per_camera')), f'`{default}`' * bool(default), values, limits['description']


def _topics(topics: Iterable[Topic], prefix: str) -> str:
    rows = [
        (f'`{topic.name if topic.name[0] == "/" else prefix + topic.name}`', topic.type, topic.content, topic.meaning)
        for topic in topics
    ]
    return _table(('topic', 'type', 'content', 'meaning'), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ('---',) * len(head), *rows]
    return ''.join(f'| {" | ".join(cell.replace("|", chr(92) + "|") for cell in line)} |\n' for line in lines)


def main() -> None:
    """Write the pages anew."""
    for name, contents in tables().items():
        path = DOCS / name
        path.write_text(filled(path.read_text(), contents))


if __name__ == '__main__':
    main()
