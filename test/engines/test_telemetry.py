# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""OpenVINO finds nothing to send statistics by, and leaves no trace of them."""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

CODE = """
{first}
import davss_ros
import openvino
from openvino.tools.ovc import telemetry_utils
print(telemetry_utils.tm.__name__)
"""
STUB = 'openvino.tools.ovc.telemetry_stub'


@pytest.mark.parametrize(('first', 'module'), [('', STUB), ('import openvino_telemetry', 'openvino_telemetry')])
def test_nothing_is_sent_unless_asked_for(tmp_path: Path, first: str, module: str) -> None:
    try:
        distribution('openvino'), distribution('openvino-telemetry')
    except PackageNotFoundError as error:
        pytest.skip(f'{error.name} is not installed')
    environment = {**os.environ, 'HOME': str(tmp_path), 'CI': 'true'}  # where it would not be sent in any case
    command = [sys.executable, '-c', CODE.format(first=first)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [module]
