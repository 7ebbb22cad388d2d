# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``frames.jsonl``: a line of JSON for every frame, written as it is made; all figures are sums over these lines.

Since a line holds whole counts, parts that were computed elsewhere, or in an earlier run that was cut off, add up to
exactly what one run would have given.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from davss_ros.errors import DataError

Sparse = list[int]  # place, value, place, value, ...: of a flattened array all but its zeros


@dataclass(frozen=True)
class FrameRow:
    """What is kept of one frame.

    Attributes:
        bag: its name.
        camera: the image topic.
        n: number of the message in the topic, from 0.
        stamp: of the header, ns.
        received: when the recorder got it, ns.
        skipped: why the frame was not segmented; all below is then empty.
        key: why it is a key frame; empty if it is none.
        taken: why there was a key frame in the background whose scores take over here.
        distance: frames since the key frame.
        labels: BLAKE2b of the labels, 8 bytes in hexadecimal.
        size: height and width, px.
        ms: time by stage.
        distortion: mean of the distortion map.
        unsure: share of the pixels whose label is not sure.
        unlabelled: what is wrong with its label, where there is one.
        counts: confusion (true, predicted) with the reference; None for a frame without one.
        streaming: the same of the labels that a live node would have shown when this frame came; None without any.
        live: what the simulated live node made of its coming: ``dropped`` frames, and ``ms`` of those that came out.
        map: distortion map against wrong pixels, see `davss_ros.evaluate.map_quality.MapQuality.sparse`.
    """

    bag: str
    camera: str
    n: int
    stamp: int
    received: int
    skipped: str = ''
    key: str = ''
    taken: str = ''
    distance: int = 0
    labels: str = ''
    size: tuple[int, int] = (0, 0)
    ms: dict[str, float] = field(default_factory=dict)
    distortion: float = 0.0
    unsure: float = 0.0
    unlabelled: str = ''
    counts: Sparse | None = None
    streaming: Sparse | None = None
    live: dict[str, Any] = field(default_factory=dict)
    map: dict[str, Any] | None = None

    @property
    def place(self) -> tuple[str, str, int]:
        """Which frame it is."""
        return self.bag, self.camera, self.n


def to_line(row: FrameRow) -> str:
    """Return the row as a line of JSON; what is as by default is left out."""
    content = {name: value for name, value in asdict(row).items() if value != _DEFAULTS.get(name, object)}
    return json.dumps(content, separators=(',', ':')) + '\n'


def from_line(line: str) -> FrameRow:
    """Return the row of a line; `ValueError` if it is none, such as a last one that was cut off."""
    content = json.loads(line)
    if not isinstance(content, dict):
        raise ValueError('expected an object')
    try:
        if 'size' in content:
            content['size'] = tuple(content['size'])
        return FrameRow(**content)
    except TypeError as error:
        raise ValueError(str(error)) from error


def read_rows(path: Path) -> Iterator[FrameRow]:
    """Yield the rows of a file, up to a last line that was cut off.

    Raises:
        DataError: a line before the last one is no row.
    """
    if not path.is_file():
        return
    with path.open(encoding='utf-8', errors='replace') as file:
        broken = 0
        for number, line in enumerate(file, 1):
            if broken:
                raise DataError(f'{path}: line {broken}: expected a frame as JSON, found something else')
            try:
                row = from_line(line)
            except ValueError:
                broken = number
                continue
            if not line.endswith('\n'):
                return
            yield row


def sparse(counts: NDArray[Any]) -> Sparse:
    """Return all but the zeros of an array of whole numbers, flattened."""
    flat = counts.ravel()
    places = np.flatnonzero(flat)
    return np.stack([places, flat[places]], 1).ravel().tolist()


def dense(counts: Sparse, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the array that `sparse` was given."""
    flat = np.zeros(int(np.prod(shape)), np.int64)
    pairs = np.array(counts, np.int64).reshape(-1, 2)
    flat[pairs[:, 0]] = pairs[:, 1]
    return flat.reshape(shape)


_DEFAULTS = {
    column.name: column.default_factory() if callable(column.default_factory) else column.default
    for column in fields(FrameRow)
    if column.name not in ('bag', 'camera', 'n', 'stamp', 'received')
}
