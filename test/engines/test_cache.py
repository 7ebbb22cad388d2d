# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from davss_ros.engines.cache import Cache, default_folder, fingerprint


def test_what_was_written_is_read(cache: Cache) -> None:
    assert cache.read('a', bytes) is None
    cache.write('a', lambda: b'abc')
    assert cache.read('a', bytes) == b'abc'


@pytest.mark.parametrize('content', [b'', b'short', b'0' * 32 + b'abc'])
def test_what_is_damaged_is_said_in_one_line_and_made_anew(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / 'a').write_bytes(content)
    assert Cache(tmp_path).read('a', bytes) is None
    assert [record.getMessage() for record in caplog.records] == [
        f'{tmp_path / "a"}: cannot be used (damaged); made anew'
    ]
    Cache(tmp_path).write('a', lambda: b'abc')
    assert Cache(tmp_path).read('a', bytes) == b'abc'


def test_what_an_engine_no_longer_reads_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(content: bytes) -> None:
        raise RuntimeError('written by version 1\nmore of it')

    Cache(tmp_path).write('a', lambda: b'abc')
    assert Cache(tmp_path).read('a', refuse) is None
    assert caplog.messages == [f'{tmp_path / "a"}: cannot be used (written by version 1); made anew']


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / 'file').write_text('no folder')  # root may write anywhere else
    cache = Cache(tmp_path / 'file' / 'cache')
    for key in 'abc':
        cache.write(key, lambda: b'abc')
        assert cache.read(key, bytes) is None
    assert len([r for r in caplog.records if 'cannot be written' in r.getMessage()]) == 1


def test_the_folder_is_the_user_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert default_folder() == tmp_path / 'davss_ros'
    monkeypatch.setenv('XDG_CACHE_HOME', 'relative')  # which is to be ignored
    monkeypatch.setenv('HOME', str(tmp_path))
    assert default_folder() == tmp_path / '.cache' / 'davss_ros'


class Scaled(nn.Module):
    def __init__(self, scale: float, width: int = 2) -> None:
        super().__init__()
        self.scale = scale
        self.conv = nn.Conv2d(3, width, 1)


def test_a_fingerprint_is_of_all_that_matters(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Scaled(1.0)
    same = Scaled(1.0)
    same.load_state_dict(network.state_dict())
    reference = fingerprint(network, 'engine 1', [(3, 8, 8)])
    assert fingerprint(same, 'engine 1', [(3, 8, 8)]) == reference
    other = Scaled(2.0)  # a number of which no parameter knows
    other.load_state_dict(network.state_dict())
    changed = Scaled(1.0)
    changed.load_state_dict({name: value + 1 for name, value in network.state_dict().items()})
    (tmp_path / 'file.onnx').write_bytes(b'abc')
    prints = [
        reference,
        fingerprint(other, 'engine 1', [(3, 8, 8)]),
        fingerprint(changed, 'engine 1', [(3, 8, 8)]),
        fingerprint(network, 'engine 2', [(3, 8, 8)]),
        fingerprint(network, 'engine 1', [(3, 8, 16)]),
        fingerprint(tmp_path / 'file.onnx', 'engine 1', [(3, 8, 8)]),
    ]
    assert len(set(prints)) == len(prints)


def test_two_processes_may_write_the_same(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.write('a', lambda: b'abc')

    def meanwhile() -> bytes:  # another thread, or a container, writes
        cache.write('a', lambda: b'abc')
        return b'abc'

    cache.write('a', meanwhile)
    both = threading.Barrier(2, timeout=60)
    threads = [threading.Thread(target=cache.write, args=('b', lambda: bytes(both.wait() * 0 + 1))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.read('b', bytes) == b'\0'
    (tmp_path / 'b').unlink()
    assert [path.name for path in tmp_path.iterdir()] == ['a']  # nothing half written is left
