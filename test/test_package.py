# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What has to agree between files that no program reads together."""

import re
from dataclasses import fields
from pathlib import Path
from xml.etree import ElementTree

import yaml

from davss_ros.__main__ import COMMANDS
from davss_ros.core.config import SegmenterConfig
from davss_ros.networks.registry import NETWORKS

ROOT = Path(__file__).parent.parent
PAGES = ''.join(page.read_text() for page in [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))])


def test_package_xml_and_setup_agree() -> None:
    package = ElementTree.parse(ROOT / 'package.xml').getroot()
    setup = (ROOT / 'setup.py').read_text()
    assert package.attrib['format'] == '3'
    assert f"version='{package.findtext('version')}'" in setup
    assert f"license='{package.findtext('license')}'" in setup
    assert package.findtext('name') == 'davss_ros'
    depends = {depend.text for depend in package.iter('exec_depend')}
    assert {'rclpy', 'sensor_msgs', 'cv_bridge', 'python3-torch', 'python3-numpy', 'python3-opencv'} <= depends


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
