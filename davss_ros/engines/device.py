# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Choosing where, and in which precision, to compute."""

import platform
from pathlib import Path

import torch

from davss_ros.engines.threads import threads_in_words
from davss_ros.errors import ConfigError

NOTABLE = ('avx2', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_tile', 'amx_bf16', 'amx_int8', 'bf16', 'i8mm', 'sve')


def choose_device(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; `ConfigError` if there is none such."""
    if name == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    if name == 'cpu':
        return torch.device('cpu')
    kind, _, index = name.partition(':')
    if kind != 'cuda' or (index and not index.isdigit()) or name.endswith(':'):
        raise ConfigError(f'device: expected auto, cpu, cuda or cuda:N, found {name!r}')
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(index or 0) >= count:
        there = f'one of {count} CUDA devices' if count else 'auto or cpu, as torch finds no CUDA device here'
        raise ConfigError(f'device: expected {there}, found {name!r}' + '; set it to auto or cpu' * bool(count))
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the arithmetic for ``auto``, ``float32``, ``bfloat16`` or ``float16`` on ``device``.

    ``auto`` on a CPU is bfloat16 where that has instructions for it, which make the default key network 1.9 times as
    fast (``benchmark --precision float32`` tells), and float32 elsewhere.
    """
    if name == 'auto':
        if device.type == 'cpu':
            return torch.bfloat16 if cpu_has_bfloat16() else torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}[name]


def cpu_has_bfloat16() -> bool:
    """Return whether this CPU multiplies bfloat16 (x86: AVX-512 or AMX; ARM: its extension of that name), by Linux."""
    return not {'avx512_bf16', 'amx_bf16', 'bf16'}.isdisjoint(_cpu_lines()[1].split())


def describe_cpu() -> str:
    """Return the CPU's name, and what it has for networks, as Linux says; elsewhere what Python knows of it."""
    name, flags = _cpu_lines()
    special = [flag for flag in flags.split() if flag in NOTABLE]
    return f'{name or platform.processor() or platform.machine()} ({", ".join(special) or "nothing special"})'


def _cpu_lines() -> tuple[str, str]:
    """Return the name and the flags of the first CPU; empty where Linux says neither."""
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        return '', ''
    found = [
        next((line.partition(':')[2].strip() for line in lines if line.lower().startswith(names)), '')
        for names in (('model name',), ('flags', 'features'))
    ]
    return found[0], found[1]


def describe_device(device: torch.device) -> str:
    """Return the device in words, for logs and summaries."""
    if device.type == 'cuda':
        return f'{device} ({torch.cuda.get_device_name(device)})'
    return f'cpu ({threads_in_words()})'
