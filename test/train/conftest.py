# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What several tests of training need."""

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
Curve = Callable[..., list[tuple[int, float]]]


def load(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='session')
def bench() -> ModuleType:
    """`bench.py`: synthetic scenes of which everything is known."""
    return load(HERE / 'bench.py')


@pytest.fixture(scope='session')
def tiny() -> ModuleType:
    """`tiny_training.py`: a small training that runs in a process of its own, too."""
    return load(HERE / 'tiny_training.py')


@pytest.fixture(scope='session')
def curve() -> Curve:
    """Reads (step, value) of a curve back: folder, name."""
    accumulator = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')

    def read(folder: Path, name: str = 'loss') -> list[tuple[int, float]]:
        events = accumulator.EventAccumulator(str(folder))
        events.Reload()
        return [(point.step, point.value) for point in events.Scalars(name)]

    return read
