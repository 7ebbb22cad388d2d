# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Mistakes of whoever wires the node up, each as one line that names the way out."""

import difflib
import itertools
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from davss_ros.core.parameter_file import read_parameter_file
from davss_ros.errors import ConfigError
from davss_ros.ros.topics import COMPRESSED, IMAGE

WAIT = 5.0  # s without a publisher before that is said
SHOWN = 3  # names offered in place of one that is not there
_SUFFIX = '/compressed'


def image_topic_mistakes(
    topic: str, kind: str, publishers: Sequence[tuple[str, str]], graph: Mapping[str, Collection[str]], waited: float
) -> list[str]:
    """Return what is wrong with the images of one camera.

    Args:
        topic: that is subscribed to.
        kind: the type it is subscribed as.
        publishers: of that topic: full name of the node, and type.
        graph: all topics with their types.
        waited: s since the subscription.
    """
    lines = []
    others = sorted({f'{name} ({published})' for name, published in publishers if published != kind})
    if others:
        lines.append(
            f'{topic}: subscribed as {kind}, published as another type by {", ".join(others)}{_way(topic, kind)}'
        )
    nodes = Counter(name for name, published in publishers if published == kind)
    if nodes.total() > 1:
        names = ', '.join(f'{name} ({count} times)' if count > 1 else name for name, count in sorted(nodes.items()))
        lines.append(f'{topic}: {nodes.total()} publishers, {names}: frames of several cameras do not make one video')
    if not publishers and waited > WAIT:
        lines.append(f'{topic}: no publisher for {WAIT:g} s or more{_alternatives(topic, kind, graph)}')
    return lines


def same_name(name: str, nodes: Iterable[tuple[str, str]]) -> list[str]:
    """Return a line if another node in the graph, of (name, namespace) each, has our full ``name``."""
    count = sum(f'{namespace.rstrip("/")}/{node}' == name for node, namespace in nodes)
    if count < 2:
        return []
    return [
        f'{name}: {count} nodes of this name, which mix up services and parameters; give one another: -r __node:=NAME'
    ]


def undeclared(overrides: Iterable[str], declared: Collection[str]) -> list[str]:
    """Return a line for each parameter that was set at start but that nobody declared."""
    lines = []
    for name in sorted(set(overrides) - set(declared)):
        nearest = difflib.get_close_matches(name, declared, 1)
        lines.append(f'parameter {name}: no such parameter' + (f'; did you mean {nearest[0]}?' if nearest else ''))
    return lines


def misdirected_files(arguments: Sequence[str], node: str) -> list[str]:
    """Return a line for each ``--params-file`` among the process's arguments that holds nothing for our full name."""
    lines = []
    for option, path in itertools.pairwise(arguments):
        if option == '--params-file':
            try:
                read_parameter_file(path, node)
            except ConfigError as error:
                lines.append(f'--params-file {shlex.quote(path)}: {str(error).removeprefix(f"{path}: ")}')
    return lines


def _way(topic: str, kind: str) -> str:
    if kind == IMAGE and topic.endswith(_SUFFIX):
        return f'; set image_transport: compressed, and remap image to {topic.removesuffix(_SUFFIX)}'
    return '; set image_transport: ' + ('raw' if kind == COMPRESSED else 'compressed') + ', or remap image'


def _alternatives(topic: str, kind: str, graph: Mapping[str, Collection[str]]) -> str:
    plain = topic.removesuffix(_SUFFIX)
    if kind == COMPRESSED and COMPRESSED in graph.get(plain, ()):
        return f'; {_SUFFIX} is added to the name of image: remap it to {plain.removesuffix(_SUFFIX)}'
    other = plain if kind == COMPRESSED else topic + _SUFFIX
    other_kind = IMAGE if kind == COMPRESSED else COMPRESSED
    if other_kind in graph.get(other, ()):
        return f'; there is {other}: set image_transport: {"raw" if other_kind == IMAGE else "compressed"}'
    names = [name for name, kinds in graph.items() if kind in kinds and name != topic]
    nearest = difflib.get_close_matches(topic, names, SHOWN, cutoff=0.0)
    return f'; remap image, to {" or ".join(nearest)} perhaps' if nearest else '; there is no other image topic either'
