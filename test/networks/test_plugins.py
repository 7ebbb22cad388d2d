# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Networks and engines of other packages: real packages on the path, whole ones and broken ones."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from davss_ros.engines import registry as engines
from davss_ros.engines.cache import Cache
from davss_ros.errors import ConfigError, EngineError
from davss_ros.exchange.listing import listing
from davss_ros.networks import plugins
from davss_ros.networks.registry import build

CODE = """
import torch
class Flat(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.classes = classes
    def forward(self, image):
        return image.new_zeros(len(image), self.classes, image.shape[2] // 4, image.shape[3] // 4)
def wrong(classes):
    return 'no module'
def failing(classes):
    raise OSError('disk on fire')
number = 7
class Slow:
    name, description = 'slow', 'slow engine 1.0'
    def __init__(self, part, device, precision, cache):
        if part == 'broken':
            raise OSError('no such chip')
        self.part = part
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Install a package with these entry points, as its ``entry_points.txt`` has them."""

    def install(points: str) -> None:
        (tmp_path / 'foreign_package.py').write_text(CODE)
        (tmp_path / 'exploding_package.py').write_text('raise RuntimeError("first line\\nsecond line")')
        (tmp_path / 'leaving_package.py').write_text('import sys; sys.exit(3)')
        info = tmp_path / 'foreign_package-1.2.dist-info'
        info.mkdir()
        (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: foreign-package\nVersion: 1.2\n')
        (info / 'entry_points.txt').write_text(points)
        forget()

    def forget() -> None:
        plugins.network_plugins.cache_clear()
        engines.engine_plugins.cache_clear()

    monkeypatch.syspath_prepend(str(tmp_path))
    yield install
    for name in ('foreign_package', 'exploding_package', 'leaving_package'):
        sys.modules.pop(name, None)
    forget()


def test_a_network_of_another_package_is_built_by_its_name(package: Callable[[str], None]) -> None:
    package('[davss_ros.networks]\nkey.flat = foreign_package:Flat\n')
    assert build('key', 'flat', 3)(torch.rand(2, 3, 8, 12)).shape == (2, 3, 2, 3)
    assert 'davss_ros.networks key.flat, of foreign-package 1.2: usable' in listing()
    with pytest.raises(ConfigError, match=r'key: expected one of .*flat, found'):
        build('key', 'nosuch', 3)
    with pytest.raises(ConfigError, match='flow: expected'):
        build('flow', 'flat', 3)


def test_broken_ones_are_logged_listed_and_skipped(
    package: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    package(
        '[davss_ros.networks]\n'
        'key.flat = foreign_package:Flat\n'
        'key.bang = exploding_package:Net\n'
        'key.exit = leaving_package:Net\n'
        'key.gone = foreign_package:Missing\n'
        'key.number = foreign_package:number\n'
        'wheel.flat = foreign_package:Flat\n'
        '[davss_ros.engines]\n'
        'bang = exploding_package:Engine\n'
    )
    assert build('key', 'flat', 3) is not None
    lines = '\n'.join(listing())
    for name, reason in (
        ('key.bang', 'RuntimeError: first line second line'),
        ('key.exit', 'it ends the process'),
        ('key.gone', 'AttributeError'),
        ('key.number', 'expected something to call, found int'),
        ('wheel.flat', 'expected a name as key.mynet'),
        ('bang', 'RuntimeError'),
    ):
        assert f' {name}, of foreign-package 1.2: broken, skipped: ' in lines and reason in lines
        assert f' {name}, of foreign-package 1.2: broken, skipped: ' in caplog.text
    with pytest.raises(ConfigError, match=r"found 'bang'; that of foreign-package 1\.2 is broken: RuntimeError"):
        build('key', 'bang', 3)


def test_what_fails_when_it_is_built_is_one_line(package: Callable[[str], None]) -> None:
    package('[davss_ros.networks]\nkey.wrong = foreign_package:wrong\nkey.failing = foreign_package:failing\n')
    with pytest.raises(ConfigError, match="'wrong' of another package gives a str, no torch module"):
        build('key', 'wrong', 3)
    with pytest.raises(ConfigError, match="'failing' of another package fails: OSError: disk on fire"):
        build('key', 'failing', 3)


def test_an_engine_of_another_package_is_made_by_its_name(package: Callable[[str], None], tmp_path: Path) -> None:
    package('[davss_ros.engines]\nslow = foreign_package:Slow\n')
    settings = torch.device('cpu'), torch.float32, Cache(tmp_path)
    assert engines.make_engine('slow:fast', *settings).part == 'fast'  # type: ignore[attr-defined]  # its own
    engines.check_engine('slow')
    with pytest.raises(EngineError, match='slow: fails to start: OSError: no such chip'):
        engines.make_engine('slow:broken', *settings)
    with pytest.raises(ConfigError, match='engine: expected auto, slow, torch'):
        engines.check_engine('fast')
