# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What has to agree between files that no program reads together."""

import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from davss_ros.__main__ import COMMANDS
from davss_ros.core.config import SegmenterConfig
from davss_ros.networks.registry import NETWORKS

ROOT = Path(__file__).parent.parent
PAGES = ''.join(page.read_text() for page in [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))])


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What setup.py tells setuptools."""
    arguments: dict[str, Any] = {}
    monkeypatch.setattr('setuptools.setup', arguments.update)
    monkeypatch.chdir(ROOT)
    runpy.run_path('setup.py')
    return arguments


def test_package_xml_and_setup_agree() -> None:
    package = ElementTree.parse(ROOT / 'package.xml').getroot()
    setup = (ROOT / 'setup.py').read_text()
    assert package.attrib['format'] == '3'
    assert f"version='{package.findtext('version')}'" in setup
    assert f"license='{package.findtext('license')}'" in setup
    assert package.findtext('name') == 'davss_ros'
    depends = {depend.text for depend in package.iter('exec_depend')}
    assert {'rclpy', 'sensor_msgs', 'cv_bridge', 'python3-torch', 'python3-numpy', 'python3-opencv'} <= depends
    assert package.find('maintainer') is not None and package.find('url') is not None


def test_every_licence_is_named_with_its_text() -> None:
    package = ElementTree.parse(ROOT / 'package.xml').getroot()
    licences = {licence.attrib['file']: licence.text for licence in package.iter('license')}  # REP 149
    cards = {str(card.relative_to(ROOT)): card.read_text() for card in (ROOT / 'davss_ros' / 'weights').glob('*.md')}
    assert licences.keys() == {'LICENSE', *cards}
    for card, text in cards.items():
        assert (licences[card] == 'CC-BY-NC-SA-3.0') == ('CC BY-NC-SA 3.0' in text), card
    weights = {path.stem for path in (ROOT / 'davss_ros' / 'weights').glob('*.safetensors')}
    assert weights == {Path(card).stem for card in cards}


def test_rviz_is_only_a_dependency_when_asked_for() -> None:
    package = ElementTree.parse(ROOT / 'package.xml').getroot()
    (rviz,) = (depend for depend in package.iter('exec_depend') if depend.text == 'rviz2')
    assert rviz.attrib == {'condition': '$DAVSS_RVIZ == 1'}


def test_colcon_finds_the_suite_and_installs_what_the_launch_file_needs(options: dict[str, Any]) -> None:
    assert 'pytest' in options['extras_require']['test']  # without, colcon test runs nothing and is content
    installed = {Path(folder, Path(file).name) for folder, files in options['data_files'] for file in files}
    share = Path('share')
    wanted = ['davss_ros/package.xml', 'davss_ros/launch/davss.launch.py', 'davss_ros/config/davss.rviz']
    wanted += ['davss_ros/config/nav2_semantic_layer.yaml', 'ament_index/resource_index/packages/davss_ros']
    assert {share / path for path in wanted} <= installed


def test_the_suite_runs_without_pytest_xdist() -> None:
    """As with one extra alone, or after rosdep."""
    command = [sys.executable, '-m', 'pytest', '-p', 'no:xdist', '--collect-only', 'test/test_style.py']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout


def test_nox_has_a_session_for_every_python_and_extra_and_the_workflow_calls_each(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: set[str] = set()

    def session(python: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def noted(function: Callable[..., Any]) -> Callable[..., Any]:
            name = function.__name__
            sessions.update([name] if isinstance(python, str) else [f'{name}-{version}' for version in python])
            return function

        return noted

    stand_in = SimpleNamespace(session=session, options=SimpleNamespace(), Session=Any)
    stand_in.parametrize = lambda name, values: lambda function: function
    monkeypatch.setitem(sys.modules, 'nox', stand_in)
    noxfile = runpy.run_path('noxfile.py')
    assert noxfile['EXTRAS'] == [*options['extras_require']]
    assert options['python_requires'] == f'>={noxfile["PYTHONS"][0]}'
    workflow = yaml.safe_load((ROOT / '.github' / 'workflows' / 'tests.yaml').read_text())['jobs']['nox']
    assert set(workflow['strategy']['matrix']['session']) == sessions
    assert [step['run'] for step in workflow['steps'] if 'run' in step] == ['pipx run nox -s "${{ matrix.session }}"']


def test_every_ros_module_in_use_is_a_dependency() -> None:
    package = ElementTree.parse(ROOT / 'package.xml').getroot()
    depends = {depend.text for depend in package.iter('exec_depend')}
    ros = re.compile(
        r'^\s*(?:from|import) (rclpy|cv_bridge|launch|launch_ros|std_srvs|\w+_msgs|\w+_interfaces)\b', re.MULTILINE
    )
    sources = [*(ROOT / 'davss_ros').rglob('*.py'), *(ROOT / 'launch').glob('*.py')]
    used = {name for path in sources for name in ros.findall(path.read_text())}
    assert used <= depends
    assert 'rclpy' in used
    tested = {name for path in (ROOT / 'test').rglob('*.py') for name in ros.findall(path.read_text())}
    assert tested <= depends | {depend.text for depend in package.iter('test_depend')}


def test_every_command_is_an_executable_of_the_package() -> None:
    scripts = dict(re.findall(r"f'(\w+) = \{NAME\}\.([\w.]+):main'", (ROOT / 'setup.py').read_text()))
    assert scripts == {command: module.removeprefix('davss_ros.') for command, (module, _) in COMMANDS.items()}


def test_the_pages_know_every_parameter_network_and_command() -> None:
    listed = yaml.safe_load((ROOT / 'config' / 'davss.yaml').read_text())['/**']['ros__parameters']
    assert {setting.name for setting in fields(SegmenterConfig)} <= listed.keys()
    networks = [name for role in NETWORKS.values() for name in role]
    assert [name for name in [*listed, *networks, *COMMANDS] if f'`{name}`' not in PAGES] == []


def test_links_between_pages_lead_to_files() -> None:
    for page in [ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')]:
        links = re.findall(r'\]\((?!https?:)([^)#]+)', page.read_text())
        assert [link for link in links if not (page.parent / link).exists()] == []
