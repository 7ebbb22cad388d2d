"""Choosing where, and in which precision, to compute."""

import torch

from davss_ros.errors import ConfigError


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
        raise ConfigError(f'device: expected one of {count} CUDA devices, found {name!r}; set it to auto or cpu')
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the arithmetic for ``auto``, ``float32``, ``bfloat16`` or ``float16`` on ``device``.

    ``auto`` is float32 on a CPU: the default networks are bound by memory and no faster in bfloat16.
    """
    if name == 'auto':
        if device.type == 'cpu':
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}[name]


def describe_device(device: torch.device) -> str:
    """Return the device in words, for logs and summaries."""
    if device.type == 'cuda':
        return f'{device} ({torch.cuda.get_device_name(device)})'
    return f'cpu ({torch.get_num_threads()} threads)'
