# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Weights as people have them: wrapped, nested, beside other things, and what is no weights file at all."""

import argparse
import gzip
import io
import json
import logging
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from davss_ros.errors import WeightsError
from davss_ros.networks.registry import build
from davss_ros.networks.weights import load_into, read_weights


def dmnet() -> dict[str, Tensor]:
    torch.manual_seed(3)
    return {f'dmnet.{name}': value for name, value in build('distortion', 'dmnet', 11).state_dict().items()}


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in dmnet().items()}


def save(folder: Path, value: Any) -> str:
    torch.save(value, folder / 'some.pth')
    return str(folder / 'some.pth')


def same(read: dict[str, Tensor]) -> bool:
    wanted = {name.removeprefix('dmnet.'): value for name, value in dmnet().items()}
    return read.keys() == wanted.keys() and all(torch.equal(read[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize('key', ['state_dict', 'model', 'model_state_dict', 'net', 'ema', 'weights', 'anything'])
def test_tensors_under_any_key(key: str, tmp_path: Path) -> None:
    optimizer = torch.optim.Adam([torch.zeros(3, requires_grad=True)])
    optimizer.param_groups[0]['params'][0].grad = torch.ones(3)
    optimizer.step()
    value = {key: dmnet(), 'optimizer': optimizer.state_dict(), 'epoch': 3, 'loss': [0.5], 'name': 'x'}
    read = read_weights(save(tmp_path, value))
    assert read.networks == {'distortion': 'dmnet'} and same(read.states['distortion'])


@pytest.mark.parametrize(
    'prefix',
    [
        '',
        'module.',
        '_orig_mod.',
        'module._orig_mod.',
        'model.',
        'model.module.',
        'net.',
        'ema_model.module.',
        'model.net.',
    ],
)
def test_prefixes_of_wrappers_go(prefix: str, tmp_path: Path) -> None:
    assert same(read_weights(save(tmp_path, prefixed(prefix))).states['distortion'])


def test_wrappers_of_a_part_go(tmp_path: Path) -> None:
    inside = {name.replace('dmnet.', 'dmnet._orig_mod.module.'): value for name, value in dmnet().items()}
    assert same(read_weights(save(tmp_path, inside)).states['distortion'])


@pytest.mark.parametrize(
    'make',
    [
        lambda state: {'a': {'b': {'state_dict': state}}},
        lambda state: {'dmnet': {name.removeprefix('dmnet.'): value for name, value in state.items()}, 'epoch': 1},
        lambda state: {'epoch': 7, 'note': 'x', **state},
        OrderedDict,
        lambda state: {name: nn.Parameter(value, requires_grad=False) for name, value in state.items()},
        lambda state: {'model': state, 'best': np.float64(0.5), 'at': np.int64(3), 'args': argparse.Namespace(lr=0.1)},
        lambda state: {'model': state, 'out': Path('runs')},
    ],
)
def test_nested_and_beside_other_things(make: Callable[[dict[str, Tensor]], Any], tmp_path: Path) -> None:
    assert same(read_weights(save(tmp_path, make(dmnet()))).states['distortion'])


def test_of_several_sets_one_is_to_be_named(tmp_path: Path) -> None:
    other = {name: value + 1 for name, value in dmnet().items()}
    source = save(tmp_path, {'model': other, 'ema': {'module': dmnet()}})
    with pytest.raises(
        WeightsError, match=r'several sets of tensors: model, ema.module; name one, as .*some.pth:model$'
    ):
        read_weights(source)
    assert same(read_weights(f'{source}:ema.module').states['distortion'])
    assert not same(read_weights(f'{source}:model').states['distortion'])
    with pytest.raises(WeightsError, match=r"expected tensors under 'net', found them under model, ema.module"):
        read_weights(f'{source}:net')


def test_sets_that_lie_in_one_dictionary_are_told_apart(tmp_path: Path) -> None:
    both = {f'model.{name}': value + 1 for name, value in dmnet().items()} | prefixed('ema_model.module.')
    source = save(tmp_path, {'state_dict': both})
    with pytest.raises(WeightsError, match=r'sets of tensors: state_dict\.model, state_dict\.ema_model; name one'):
        read_weights(source)
    assert same(read_weights(f'{source}:state_dict.ema_model').states['distortion'])


def test_extra_tensors_are_named_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    extra = {'criterion.weight': torch.ones(11), 'n_averaged': torch.tensor(3), 'dmnet.aux.bias': torch.ones(2)}
    with caplog.at_level(logging.WARNING):
        read = read_weights(save(tmp_path, dmnet() | extra))
        network = build('distortion', 'dmnet', 11)
        load_into(network, read.states['distortion'], read.source)
    first, second = (record.getMessage() for record in caplog.records)
    assert first.endswith('left out, as they belong to no network: criterion.weight, n_averaged')
    assert second.endswith('left out, as they are not of DMNet: aux.bias')
    assert same(network.state_dict())


def test_counters_that_are_missing_are_made(tmp_path: Path) -> None:
    state = {name: value for name, value in dmnet().items() if not name.endswith('num_batches_tracked')}
    assert len(state) < len(dmnet())
    network = build('distortion', 'dmnet', 11)
    load_into(network, read_weights(save(tmp_path, state)).states['distortion'], '')
    assert same(network.state_dict())


@pytest.mark.parametrize('value', [float('nan'), float('inf'), float('-inf')])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_nan_and_infinity_are_refused_with_the_name(
    value: float, dtype: torch.dtype, suffix: str, tmp_path: Path
) -> None:
    state = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in dmnet().items()}
    state['dmnet.conv4.weight'] = state['dmnet.conv4.weight'].clone()
    state['dmnet.conv4.weight'][3, 2] = value
    path = tmp_path / f'some{suffix}'
    torch.save(state, path) if suffix == '.pth' else save_file(state, path)
    with pytest.raises(WeightsError, match=rf'some{suffix}: dmnet\.conv4\.weight: 1 of 256 values are NaN or infinite'):
        read_weights(str(path))


def test_half_precisions_load(tmp_path: Path) -> None:
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        state = {name: value.to(dtype) if value.is_floating_point() else value for name, value in dmnet().items()}
        network = build('distortion', 'dmnet', 11)
        load_into(network, read_weights(save(tmp_path, state)).states['distortion'], '')
        wanted = state['dmnet.conv4.weight'].float()
        assert torch.equal(network.state_dict()['conv4.weight'], wanted)


@pytest.mark.parametrize(
    ('make', 'word'),
    [
        (lambda value: value.to_sparse(), 'sparse'),
        (lambda value: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8), 'quantised'),
        (lambda value: value.to(torch.complex64), 'complex'),
        (lambda value: value.to('meta'), 'without data'),
    ],
)
@pytest.mark.filterwarnings('ignore')
def test_tensors_of_other_kinds_are_named(make: Callable[[Tensor], Tensor], word: str, tmp_path: Path) -> None:
    state = dmnet()
    state['dmnet.conv4.weight'] = make(state['dmnet.conv4.weight'])
    with pytest.raises(WeightsError, match=rf'(dmnet\.conv4\.weight: .*{word}|not executed)'):
        read_weights(save(tmp_path, state))


def test_whole_numbers_are_no_weights(tmp_path: Path) -> None:
    state = dmnet()
    state['dmnet.conv4.weight'] = state['dmnet.conv4.weight'].to(torch.int8)
    with pytest.raises(WeightsError, match=r'other kinds: conv4\.weight: expected torch\.float32, found torch\.int8'):
        load_into(build('distortion', 'dmnet', 11), read_weights(save(tmp_path, state)).states['distortion'], '')


def test_a_whole_module_is_refused_and_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r'holds more than tensors \(.*DMNet\).*not executed.*state_dict'):
        read_weights(save(tmp_path, build('distortion', 'dmnet', 11)))


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def torchscript() -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 2, 2)), buffer)
    return buffer.getvalue()


POINTER = b'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n'


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
@pytest.mark.parametrize('suffix', ['.pth', '.safetensors', '.bin'])
@pytest.mark.parametrize(
    ('make', 'sentence'),
    [
        (lambda: POINTER, 'a git-lfs pointer.*git lfs pull'),
        (lambda: b'\n<!DOCTYPE html><html><body>Sign in</body></html>', 'a web page, not weights.*download'),
        (lambda: b'<html></html>', 'a web page'),
        (torchscript, 'a TorchScript archive.*not run.*state_dict'),
        (lambda: zipped('arr_0.npy', b'\x93NUMPY'), 'a zip archive, but none of torch.save'),
        (lambda: b'PK\x03\x04' + bytes(40), 'damaged or no weights file'),
        (lambda: gzip.compress(b'x' * 100), 'compressed by gzip; unpack it'),
        (lambda: b'\x89HDF\r\n\x1a\n' + bytes(40), 'an HDF5 file'),
        (lambda: b'', 'damaged or no weights file: it is empty'),
        (lambda: bytes(100), '(damaged or no weights file|holds more than tensors, or is no checkpoint)'),
    ],
)
def test_what_is_no_weights_file_has_its_own_sentence(
    make: Callable[[], bytes], sentence: str, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f'some{suffix}'
    path.write_bytes(make())
    with pytest.raises(WeightsError, match=f'some{suffix}: {sentence}') as error:
        read_weights(str(path))
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('offsets', [[0, 99], [4, 8], [8, 0], [-4, 0], [0, 2**62]])
def test_safetensors_with_wrong_offsets(offsets: list[int], tmp_path: Path) -> None:
    header = json.dumps({'dmnet.a': {'dtype': 'F32', 'shape': [1], 'data_offsets': offsets}}).encode()
    path = tmp_path / 'wrong.safetensors'
    path.write_bytes(struct.pack('<Q', len(header)) + header + bytes(4))
    with pytest.raises(WeightsError, match=r'wrong\.safetensors: damaged or no weights file'):
        read_weights(str(path))


def test_the_content_tells_what_a_file_is_not_its_name(tmp_path: Path) -> None:
    save_file(dmnet(), tmp_path / 'a.pth')
    torch.save(dmnet(), tmp_path / 'b.safetensors')
    torch.save(dmnet(), tmp_path / 'c.pt', _use_new_zipfile_serialization=False)
    for name in ('a.pth', 'b.safetensors', 'c.pt'):
        assert same(read_weights(str(tmp_path / name)).states['distortion'])


def test_a_file_with_a_colon_in_its_name(tmp_path: Path) -> None:
    torch.save(dmnet(), tmp_path / 'a:b.pth')
    assert same(read_weights(str(tmp_path / 'a:b.pth')).states['distortion'])


def test_an_old_torch_is_said_to_be_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = save(tmp_path, dmnet())
    monkeypatch.delattr(torch.serialization, 'safe_globals')
    with pytest.raises(WeightsError, match=r'some\.pth: what torch\.save writes needs torch 2\.5 at least, found'):
        read_weights(source)
