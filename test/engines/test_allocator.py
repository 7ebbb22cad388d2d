# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What is freed stays with the process, until it is given back; in one of its own, as an allocator has one state."""

import subprocess
import sys

import pytest

PROGRAM = """
import os
from pathlib import Path
from davss_ros.engines.allocator import keep_freed_memory, return_freed_memory

def resident():
    return int(Path('/proc/self/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20

import numpy as np
if not keep_freed_memory():
    raise SystemExit(77)
before = resident()
blocks = [np.ones(2**20) for _ in range(30)]  # of 8 MiB
del blocks
kept = resident()
assert return_freed_memory()
print(kept - before, resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='not Linux')
def test_freed_memory_is_kept_and_given_back_when_told() -> None:
    done = subprocess.run([sys.executable, '-c', PROGRAM], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip('no glibc')
    kept, left = map(float, done.stdout.split())
    assert kept > 200 and left < 100, done  # MiB
