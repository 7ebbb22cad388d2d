# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Reads damaged files, a line of JSON in and a line out for each, within a limit of memory; see `fuzz`."""

import hashlib
import json
import logging
import resource
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from davss_ros.core.classes import load_classes
from davss_ros.datasets.coding import IdsOrColors
from davss_ros.errors import DavssError
from davss_ros.images.files import read_image
from davss_ros.images.labels import read_label
from davss_ros.images.messages import decode
from davss_ros.images.orientation import orientation
from davss_ros.networks.weights import read_weights
from davss_ros.recordings.open import open_source
from davss_ros.train.recipe import load_recipe

MEMORY = 1 << 30  # bytes beyond what the modules take
PICTURES = ('png', 'jpeg', 'webp', 'tiff')
CLASSES = load_classes('camvid11')


def outcome(kind: str, path: Path) -> dict[str, Any]:
    """Read a file; return how it went, a digest of what came and the number of frames."""
    digest = hashlib.sha256()
    if kind in ('mcap', 'db3', 'metadata', 'mp4', 'avi'):
        return _recording(path.parent if kind == 'metadata' else path, digest)
    if kind in PICTURES:
        for image in (read_image(path), decode(SimpleNamespace(format=kind, data=path.read_bytes()))):
            _check_image(image)
            digest.update(image.tobytes())
        assert orientation(path) in range(1, 9)
    elif kind == 'label':
        labels = IdsOrColors(CLASSES).decode(read_label(path))
        assert labels.ndim == 2 and labels.dtype == np.uint8
        digest.update(labels.tobytes())
    elif kind in ('safetensors', 'pth'):
        states = read_weights(str(path)).states
        values = [(name, value) for state in states.values() for name, value in state.items()]
        assert values and all(value.isfinite().all() for _, value in values)
        digest.update(b''.join(name.encode() + value.numpy().tobytes() for name, value in values))
    elif path.name == 'recipe.yaml':
        digest.update(repr(load_recipe(str(path))).encode())
    else:
        classes = load_classes(str(path))
        assert all(
            isinstance(semantic_class.name, str) and len(semantic_class.color) == 3 for semantic_class in classes
        )
        digest.update(repr(classes).encode())
    return {'outcome': 'read', 'digest': digest.hexdigest(), 'frames': 0}


def _recording(path: Path, digest: Any) -> dict[str, Any]:
    lines: list[str] = []
    source = open_source(path, say=lines.append)
    assert 0 < source.rate <= 1000 and source.count >= 0
    number = 0
    for number, frame in enumerate(source, 1):
        _check_image(frame.image)
        assert isinstance(frame.stamp, int) and isinstance(frame.received, int)
        digest.update(frame.image.tobytes())
        if number > 1000:  # a container may claim more than it holds, but not give it
            raise AssertionError(f'{number} frames')
    return {'outcome': 'skipped' if lines else 'read', 'digest': digest.hexdigest(), 'frames': number}


def _check_image(image: Any) -> None:
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size


def main() -> None:
    """Answer until the input ends."""
    logging.disable(logging.CRITICAL)
    answers = sys.stdout
    sys.stdout = sys.stderr
    taken = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
    print(json.dumps({'outcome': 'ready'}), file=answers, flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        try:
            answer = outcome(job['kind'], Path(job['path']))
        except DavssError as error:
            text = str(error)
            answer = {'outcome': 'refused', 'text': text} if text.strip() else {'outcome': 'found', 'text': 'no words'}
        except BaseException:  # what must not happen is what is looked for
            answer = {'outcome': 'found', 'text': traceback.format_exc()}
        answer['peak'] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == '__main__':
    main()
