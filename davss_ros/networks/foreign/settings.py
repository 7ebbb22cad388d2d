# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Values of a description as people, files and other libraries write them: read, checked, and settled by precedence.

A reader of metadata, of a file beside the network or of a parameter gives `Facts`: plain values and where they are
from. `Settled.take` keeps of each name the first that says it, and `Settled.missing` tells what nothing has said.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from davss_ros.core.classes import SemanticClass
from davss_ros.errors import ConfigError
from davss_ros.images.header import LARGEST_SIDE
from davss_ros.networks.foreign.description import IMAGENET_MEAN, IMAGENET_STD, shown
from davss_ros.networks.foreign.names import read_classes


@dataclass(frozen=True)
class Facts:
    """Some values of a description, and where they are from.

    Attributes:
        source: in words, as the table of ``check_model`` shows it.
        values: plain, as `Setting.read` takes them.
    """

    source: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Setting:
    """One value: how it is read, and what is expected of it, in words."""

    read: Callable[[Any], Any]
    expected: str


def _choice(*names: str, **others: str) -> Setting:
    def read(value: Any) -> str:
        name = others.get(str(value).lower(), str(value).lower())
        if name not in names:
            raise ValueError
        return name

    return Setting(read, ' or '.join(names))


def _whole(low: int, high: int, expected: str = '') -> Setting:
    def read(value: Any) -> int:
        number = int(str(value))
        if not low <= number <= high:
            raise ValueError
        return number

    return Setting(read, expected or f'{low} to {high}')


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError
    above, _, below = str(value).partition('/')
    return float(above) / float(below or 1)


def _scale(value: Any) -> float:
    number = _number(value)
    if not 0 < number <= 1000:
        raise ValueError
    return number


class ByColor(tuple[float, float, float]):
    """Numbers for red, green and blue, whatever the order of the network's channels."""


def _three(value: Any, named: tuple[float, float, float]) -> tuple[float, float, float]:
    if value == 'imagenet':
        return ByColor(named)
    parts = value.split(',') if isinstance(value, str) else value if isinstance(value, Sequence) else [value]
    numbers = [_number(part) for part in parts]
    if len(numbers) not in (1, 3):
        raise ValueError
    first, *rest = numbers
    return (first, rest[0], rest[1]) if rest else (first, first, first)


def _std(value: Any) -> tuple[float, float, float]:
    three = _three(value, IMAGENET_STD)
    if min(three) <= 0:
        raise ValueError
    return three


def _size(value: Any) -> tuple[int, int]:
    if value in ('any', '0'):
        return (0, 0)
    width, _, height = str(value).lower().partition('x')
    if not (16 <= int(height) <= LARGEST_SIDE and 16 <= int(width) <= LARGEST_SIDE):
        raise ValueError
    return int(height), int(width)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _yes(value: Any) -> bool:
    text = str(value).lower()
    if text not in ('true', 'false'):
        raise ValueError
    return text == 'true'


SETTINGS: Mapping[str, Setting] = {
    'input': Setting(_text, "the input's name"),
    'layout': _choice('nchw', 'nhwc'),
    'size': Setting(_size, 'WIDTHxHEIGHT, or any'),
    'multiple': _whole(1, 256),
    'batch': _whole(0, 1, '1, or 0 for any number'),
    'scale': Setting(_scale, 'what pixel values of 0 to 255 are multiplied by, as 1/255'),
    'mean': Setting(lambda v: _three(v, IMAGENET_MEAN), 'R,G,B in the order of the channels, or imagenet'),
    'std': Setting(_std, 'R,G,B in the order of the channels, above 0, or imagenet'),
    'channels': _choice('rgb', 'bgr'),
    'output': Setting(_text, "the output's name"),
    'output_kind': _choice('scores', 'probabilities', 'queries', logits='scores'),
    'output_layout': _choice('nchw', 'nhwc'),
    'stride': _whole(1, 32),
    'classes': Setting(read_classes, 'a list of names, or of names and colours'),
    'label_offset': _whole(-1, 255),
    'unlabelled': _whole(0, 255),
    'crop_safe': Setting(_yes, 'true or false'),
}


def read_value(source: str, name: str, value: Any) -> Any:
    """Return a value as a description holds it.

    Raises:
        ConfigError: it is unknown or wrong; the message starts with where it is from.
    """
    if name not in SETTINGS:
        raise ConfigError(f'{source}: no such setting, {name!r}; known: {", ".join(SETTINGS)}')
    try:
        return SETTINGS[name].read(value)
    except ConfigError as error:
        raise ConfigError(f'{source}: {name}: {error}') from error
    except (ValueError, TypeError, ZeroDivisionError):
        raise ConfigError(f'{source}: {name}: expected {SETTINGS[name].expected}, found {value!r}') from None


class Settled:
    """Values by name, each with where it was found; the first that says it counts."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.sources: dict[str, str] = {}

    def take(self, facts: Facts) -> 'Settled':
        """Add what was not known; what was, and differs or cannot be read there, is noted beside its source."""
        for name, said in facts.values.items():
            try:
                value = read_value(facts.source, name, said)
            except ConfigError as error:
                if name not in self.values:
                    raise
                self.sources[name] += f' ({error})'
                continue
            if name not in self.values:
                self.values[name], self.sources[name] = value, facts.source
            elif self.values[name] != value and not _colours_only(name, self.values[name], value):
                self.sources[name] += f' ({facts.source}: {shown(name, value)})'
        return self

    def order_colors(self) -> None:
        """Bring what was said by colour into the order of the channels, once that is known."""
        for name in ('mean', 'std'):
            if isinstance(self.values[name], ByColor):
                red, green, blue = self.values[name]
                self.values[name] = (blue, green, red) if self.values['channels'] == 'bgr' else (red, green, blue)

    def fill(self, source: str, values: Mapping[str, Any]) -> None:
        """Add what nothing else has said."""
        self.take(Facts(source, {name: value for name, value in values.items() if name not in self.values}))

    def missing(self, names: Sequence[str]) -> list[str]:
        """Return those of ``names`` that nothing has said."""
        return [name for name in names if name not in self.values]


def _colours_only(name: str, kept: Any, other: Any) -> bool:
    """Return whether two lists of classes have the same names: colours that were made up are no contradiction."""
    return name == 'classes' and [c.name for c in kept] == [c.name for c in other]


def read_options(text: str) -> Facts:
    """Return the facts of the parameter ``key_options``: ``NAME=VALUE`` separated by spaces.

    Raises:
        ConfigError: it is not of that form.
    """
    values = {}
    for part in text.split():
        name, equals, value = part.partition('=')
        if not (name and equals and value):
            raise ConfigError(f'key_options: expected NAME=VALUE separated by spaces, found {part!r}')
        values[name] = value
    return Facts('parameter key_options', values)


def class_facts(classes: Sequence[SemanticClass], source: str) -> Facts:
    """Return the facts of a list of classes."""
    return Facts(source, {'classes': tuple(classes)})
