# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Idle threads sleep soon: what the OpenMP runtime says that it was told."""

import os
import re
import subprocess
import sys

import pytest

CODE = 'import davss_ros.ros.process, torch; torch.ones(300, 300) @ torch.ones(300, 300)'


@pytest.mark.parametrize(
    ('settings', 'spins', 'policy'),
    [({}, '1000', ''), ({'GOMP_SPINCOUNT': '77'}, '77', ''), ({'OMP_WAIT_POLICY': 'active'}, '', 'ACTIVE')],
)
def test_threads_spin_for_long_only_if_told_to(settings: dict[str, str], spins: str, policy: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(('OMP_', 'GOMP_'))}
    environment |= {'OMP_DISPLAY_ENV': 'verbose', **settings}
    done = subprocess.run([sys.executable, '-c', CODE], env=environment, capture_output=True, text=True, check=True)
    report = dict(re.findall(r"(\w+) = '([^']*)'", done.stderr))
    if 'GOMP_SPINCOUNT' not in report:
        pytest.skip("torch computes with another OpenMP than GNU's")
    assert not spins or report['GOMP_SPINCOUNT'] == spins
    assert not policy or report['OMP_WAIT_POLICY'] == policy
