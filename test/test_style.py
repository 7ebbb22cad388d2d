# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What a ROS build farm's linters say, by the package's own configuration (setup.cfg, setup.py); ruff says more."""

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from davss_ros.ament_licence import APACHE_BY_SPDX

ROOT = Path(__file__).parent.parent
HEADER = '# Copyright 2026 davss_ros developers\n# SPDX-License-Identifier: Apache-2.0\n'
FOLDERS = ('davss_ros', 'test', 'launch', 'docs', 'examples')


def test_every_file_names_copyright_and_licence() -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob('*.py')] + [*ROOT.glob('*.py')]
    assert len(files) > 400
    assert [str(path) for path in files if not path.read_text().startswith(HEADER)] == []
    assert APACHE_BY_SPDX.file_headers == [HEADER.splitlines()[1].removeprefix('# ') + '\n']
    assert (ROOT / 'LICENSE').read_text().split()[:2] == ['Apache', 'License']


def test_ament_copyright_knows_the_header() -> None:
    main = pytest.importorskip('ament_copyright.main').main
    if not list(entry_points(group='ament_copyright.license', name='apache2_by_spdx')):
        pytest.skip('davss_ros is not installed, so ament_copyright cannot know its header')
    assert main(argv=[str(ROOT / folder) for folder in FOLDERS]) == 0


def test_ament_flake8() -> None:
    """In a process of its own, as flake8 forks, which in one of many threads, as torch's are, may never end."""
    pytest.importorskip('ament_flake8.main')
    command = [sys.executable, '-m', 'ament_flake8.main', '--config', 'setup.cfg', *FOLDERS]
    check = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr


def test_ament_pep257(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    main = pytest.importorskip('ament_pep257.main').main
    monkeypatch.chdir(ROOT)
    left_out = ['D105', 'D107', 'D402', 'D403']  # magic methods, constructors; titles that begin with a name
    status = main(argv=['--convention', 'google', '--add-ignore', *left_out, '--', 'davss_ros', 'launch', 'docs'])
    assert status == 0, capsys.readouterr().err


def test_what_a_linter_is_told_to_pass_over_has_its_reason_beside_it() -> None:
    mark = re.compile(r'#\s*(type: ignore|noqa|fmt: (off|skip)|pragma)[^#]*$')
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob('*.py')] + [*ROOT.glob('*.py')]
    bare = [(path.name, line) for path in files for line in path.read_text().splitlines() if mark.search(line)]
    assert mark.search('import a  # noqa: F401') and not mark.search('import a  # noqa: F401  # for its entry point')
    assert [found for found in bare if 'mark.search' not in found[1]] == []
