# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""TorchScript and exported programs: scores equal the module's own; nothing but tensors is unpickled."""

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from davss_ros.errors import ConfigError, WeightsError
from davss_ros.networks.foreign.load import load_foreign
from davss_ros.networks.foreign.source import ForeignSource

_Make = Callable[..., Any]


def scripted(module: Any, path: Path, metadata: str = '') -> Path:
    traced = torch.jit.trace(module, torch.rand(1, 3, 64, 96))
    torch.jit.save(traced, str(path), _extra_files={'davss.json': metadata} if metadata else {})
    return path


def exported(module: Any, path: Path, metadata: str = '', *, free: bool = True) -> Path:
    sides = {axis: 4 * torch.export.Dim(f's{axis}', min=1, max=512) for axis in (2, 3)}
    shapes = ({0: torch.export.Dim('n', min=1, max=64), **sides},) if free else None
    program = torch.export.export(module, (torch.rand(2 if free else 1, 3, 64, 96),), dynamic_shapes=shapes)
    torch.export.save(program, str(path), extra_files={'davss.json': metadata} if metadata else {})
    return path


@pytest.mark.parametrize(('kind', 'write'), [('torchscript', scripted), ('pt2', exported)])
def test_scores_equal_the_modules_own(
    tmp_path: Path, tiny: _Make, described: Any, prepared: Any, image: Tensor, kind: str, write: _Make
) -> None:
    path = write(tiny(), tmp_path / f'net.{kind}', json.dumps(described))
    foreign = load_foreign(ForeignSource(kind, path), None)
    assert foreign.description.sources['mean'] == f'metadata of net.{kind}'
    assert (foreign.description.stride, foreign.description.multiple) == (4, 4)
    with torch.inference_mode():
        torch.testing.assert_close(foreign.network(image), tiny()(prepared(image)), atol=1e-5, rtol=1e-5)


def test_a_program_of_one_size_says_so(tmp_path: Path, tiny: _Make, described: Any) -> None:
    path = exported(tiny(), tmp_path / 'net.pt2', json.dumps(described), free=False)
    found = load_foreign(ForeignSource('pt2', path), None).description
    assert (found.size, found.batch) == ((64, 96), 1)


@pytest.mark.parametrize(('kind', 'write'), [('torchscript', scripted), ('pt2', exported)])
def test_without_a_word_on_its_input_the_parameter_is_named(
    tmp_path: Path, tiny: _Make, kind: str, write: _Make
) -> None:
    with pytest.raises(ConfigError, match='key_options: expected scale'):
        load_foreign(ForeignSource(kind, write(tiny(), tmp_path / 'net')), None)


@pytest.mark.parametrize(('kind', 'write'), [('torchscript', scripted), ('pt2', exported)])
@pytest.mark.parametrize('kept', [0, 10, 0.3, 0.9])
def test_what_is_cut_off_is_refused(tmp_path: Path, tiny: _Make, kind: str, write: _Make, kept: float) -> None:
    path = write(tiny(), tmp_path / 'net')
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else int(kept)])
    with pytest.raises(WeightsError, match='net: cut off or not'):
        load_foreign(ForeignSource(kind, path), None)


@pytest.mark.parametrize('kind', ['torchscript', 'pt2'])
def test_a_plain_checkpoint_is_refused(tmp_path: Path, tiny: _Make, kind: str) -> None:
    torch.save(tiny().state_dict(), tmp_path / 'net')
    with pytest.raises(WeightsError, match='it holds no'):
        load_foreign(ForeignSource(kind, tmp_path / 'net'), None)


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize('place', ['sample', 'weights', 'object'])
def test_pickled_code_in_a_program_is_never_run(tmp_path: Path, tiny: _Make, described: Any, place: str) -> None:
    path, sprung = exported(tiny(), tmp_path / 'net.pt2', json.dumps(described)), tmp_path / 'sprung'
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    trap = io.BytesIO()
    if place == 'object':
        parts['net/data/constants/opaque_obj_0'] = pickle.dumps(Trap(sprung))
    else:
        torch.save({'x': Trap(sprung)}, trap)
        at = 'net/data/sample_inputs/model.pt' if place == 'sample' else 'net/data/weights/weight_0'
        assert at in parts
        parts[at] = trap.getvalue()
        table = 'net/data/weights/model_weights_config.json'
        if place == 'weights':
            parts[table] = parts[table].replace(b'"use_pickle": false', b'"use_pickle": true')
            assert b'true' in parts[table]
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(WeightsError, match=r'not executed'):
        load_foreign(ForeignSource('pt2', path), None)
    assert not sprung.exists()
    if place == 'sample':  # the trap is one
        with pytest.raises(Exception):  # noqa: B017  # of whatever kind
            torch.export.load(str(path))
        assert sprung.exists()
