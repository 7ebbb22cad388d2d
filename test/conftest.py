# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Shared by all tests: where the reference material lies, and a DDS domain of this run's own."""

import importlib.util
import os
import random
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get('DAVSS_SHARED', ROOT.parent / 'shared'))
REFERENCE = Path(os.environ.get('DAVSS_REFERENCE', SHARED / 'reference'))

# before rclpy is imported anywhere: nothing leaves this machine, and runs side by side do not hear each other
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
WORKER = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0').removeprefix('gw'))
os.environ['ROS_DOMAIN_ID'] = str(2 * random.SystemRandom().randrange(1, 51) - WORKER % 2)
# before torch is: the processes of a test compute side by side, see `davss_ros.engines.openmp`
os.environ.setdefault('GOMP_SPINCOUNT', '1000')
if 'PYTEST_XDIST_WORKER' in os.environ:  # as many threads as cores are enough for both workers
    os.environ.setdefault('OMP_NUM_THREADS', '1')
# what ``engine: auto`` stands for, here and in the processes that tests start: those of test/engines name theirs
os.environ.setdefault('DAVSS_ENGINE', 'torch')
# a shell's background jobs ignore Ctrl-C, and so would all that tests start and end by it
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of pytest-xdist's two workers one runs all that talks over DDS, file by file, and the other one the rest."""
    for item in items:
        folder = item.path.relative_to(ROOT).parts[1]
        item.add_marker(pytest.mark.xdist_group('ros' if folder == 'ros' else str(item.path)))


@pytest.fixture(scope='session')
def reference() -> Path:
    """The folder of the published networks' numbers."""
    if not (REFERENCE / 'outputs.npz').is_file():
        pytest.skip(f'no reference numbers in {REFERENCE} (set DAVSS_REFERENCE)')
    return REFERENCE


@pytest.fixture(scope='session')
def published(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as ``DataParallel`` saves it, with the published names."""
    spec = importlib.util.spec_from_file_location('reference_weights', reference / 'weights.py')
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path = tmp_path_factory.mktemp('published') / 'davss.safetensors'
    save_file({f'module.{name}': np.asarray(value) for name, value in module.state_dict().items()}, path)
    return path


@pytest.fixture(scope='session')
def camvid_video() -> Path:
    """Fifty consecutive labelled frames that training never saw."""
    folder = SHARED / 'camvid' / 'video'
    if not folder.is_dir():
        pytest.skip(f'no labelled video in {folder} (set DAVSS_SHARED)')
    return folder


@pytest.fixture(scope='session')
def street() -> list[NDArray[np.uint8]]:
    """Twelve frames (120, 160, 3) RGB: blocks on a road, the near one moving 3 px a frame."""
    frames = []
    texture = np.random.default_rng(0).integers(0, 60, (120, 200, 3), np.uint8)
    for t in range(12):
        frame = texture[:, :160].copy()
        frame[:60] += 120
        cv2.rectangle(frame, (20, 40), (50, 80), (150, 40, 40), -1)
        cv2.rectangle(frame, (80 + 3 * t, 50), (110 + 3 * t, 95), (40, 40, 170), -1)
        frames.append(frame)
    return frames
