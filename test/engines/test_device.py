# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest
import torch

from davss_ros.engines.device import choose_device, choose_precision, cpu_has_bfloat16, describe_cpu
from davss_ros.errors import ConfigError


def test_auto_takes_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert choose_device('auto') == torch.device('cpu')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    assert choose_device('auto').type == 'cuda'
    assert choose_device('cuda:1') == torch.device('cuda:1')


@pytest.mark.parametrize('name', ['gpu', 'cuda:', 'cuda:x', 'cpu:0', 'CPU', ''])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match='device: expected auto, cpu, cuda or cuda:N'):
        choose_device(name)


def test_a_missing_cuda_device_says_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    with pytest.raises(ConfigError, match=r"one of 2 CUDA devices, found 'cuda:2'"):
        choose_device('cuda:2')


def test_precision() -> None:
    cpu = torch.device('cpu')
    assert choose_precision('auto', cpu) == (torch.bfloat16 if cpu_has_bfloat16() else torch.float32)
    assert choose_precision('float32', cpu) == torch.float32
    assert choose_precision('bfloat16', cpu) == torch.bfloat16
    assert choose_precision('float16', cpu) == torch.float16


@pytest.mark.parametrize(
    ('line', 'has'),
    [
        ('flags\t\t: fpu avx512f avx512_bf16 avx512_vnni', True),
        ('flags\t\t: fpu avx512f amx_bf16', True),
        ('Features\t: fp asimd bf16', True),
        ('flags\t\t: fpu avx2 avx512f', False),
        ('model name\t: bf16', False),
    ],
)
def test_what_linux_says_of_the_cpu(monkeypatch: pytest.MonkeyPatch, line: str, has: bool) -> None:
    monkeypatch.setattr(Path, 'read_text', lambda _: f'processor\t: 0\n{line}\n')
    assert cpu_has_bfloat16() == has


def test_the_cpu_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 amx_bf16 sse\nmodel name\t: Another\n'
    monkeypatch.setattr(Path, 'read_text', lambda _: text)
    assert describe_cpu() == 'Some CPU (avx2, amx_bf16)'


def test_where_linux_says_nothing_there_is_no_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, 'read_text', missing)
    assert not cpu_has_bfloat16()
