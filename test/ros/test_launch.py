"""The launch file, where the launch system is installed (it is not on PyPI)."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('launch_ros')
LAUNCH = Path(__file__).parent.parent.parent / 'launch' / 'davss.launch.py'


def description() -> Any:
    spec = importlib.util.spec_from_file_location('davss_launch', LAUNCH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


def test_every_argument_has_a_description_and_a_default() -> None:
    arguments = {argument.name: argument for argument in description().get_launch_arguments()}
    expected = {'image', 'namespace', 'params_file', 'device', 'use_sim_time', 'log_level', 'replay', 'rate', 'rviz'}
    assert arguments.keys() == expected
    assert all(argument.description and argument.default_value for argument in arguments.values())
