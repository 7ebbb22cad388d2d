# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Reading and writing weights; nothing pickled is ever executed.

Two forms are read:

- ours: safetensors whose tensors are named ``<role>.<parameter>`` and whose metadata ``davss`` (JSON) says which
  network plays each role, and the classes;
- published: a checkpoint (safetensors or ``torch.save``) with the names of the authors' code, anywhere in it and each
  perhaps behind ``module.`` and the like (`davss_ros.networks.weights_file`). It says nothing of class names; its
  networks are the published ones.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from davss_ros.core.classes import SemanticClass, parse_classes
from davss_ros.errors import ConfigError, WeightsError
from davss_ros.networks.eight_bits import reduced, restored
from davss_ros.networks.registry import OPTIONAL_ROLES, ROLES
from davss_ros.networks.weights_file import check_tensor, find_networks, read_tensors, tensor_names
from davss_ros.yaml_file import user_path

log = logging.getLogger(__name__)
SHIPPED = Path(__file__).parent.parent / 'weights'
EVERY_ROLE = (*ROLES, *OPTIONAL_ROLES)
PUBLISHED_PREFIXES = {'deeplab': 'key', 'flownet': 'flow', 'dmnet': 'distortion', 'cfnet': 'correction'}
PUBLISHED_NETWORKS = {'key': 'deeplabv3plus', 'flow': 'flownets', 'distortion': 'dmnet', 'correction': 'cfnet'}
COUNTER = 'num_batches_tracked'  # of batch normalisation; of no use but in training


@dataclass(frozen=True)
class Weights:
    """What a weights file holds."""

    source: str
    networks: dict[str, str]  # role -> registered name
    states: dict[str, dict[str, Tensor]]  # role -> state dict
    classes: tuple[SemanticClass, ...] = ()
    class_count: int = 0  # 0: not known
    settings: dict[str, Any] = field(default_factory=dict)  # how the networks were trained to be used
    borrowed: dict[str, str] = field(default_factory=dict)  # role -> shipped model whose key network plays it


def read_weights(source: str) -> Weights:
    """Read a shipped model by name (``camvid_lite``) or a file; ``FILE:ENTRY`` if the file has several sets of tensors.

    Tensors that belong to no network are named in the log and left out.

    Raises:
        WeightsError: missing, damaged, holding pickled code, NaN or infinity, or of an unknown form.
    """
    path, entry = locate(source)
    loaded, metadata = read_tensors(path)
    if 'davss' in metadata:
        return _ours(path, loaded, metadata['davss'])
    return _published(path, _chosen(path, loaded, entry))


def networks_in(path: Path) -> dict[str, str]:
    """Return role -> registered name of what a weights file of ours holds, without reading the weights."""
    with safetensors.safe_open(str(path), framework='pt') as file:
        return dict(json.loads((file.metadata() or {}).get('davss', '{}')).get('networks', {}))


def write_weights(
    path: Path, weights: Weights, dtype: torch.dtype = torch.float16, *, eight_bits: bool = False
) -> None:
    """Write ``weights`` in our form, floating values as ``dtype``; with ``eight_bits`` some as `reduced` has them."""
    tensors = {f'{role}.{name}': value for role, state in weights.states.items() for name, value in state.items()}
    scales: set[str] = set()
    if eight_bits:
        whole = reduced(tensors)
        scales, tensors = whole.keys() - tensors.keys(), whole
    tensors = {
        name: (value.to(dtype) if value.is_floating_point() and name not in scales else value).contiguous()
        for name, value in tensors.items()
    }
    header = {
        'networks': weights.networks,
        'classes': [{'name': c.name, 'color': list(c.color)} for c in weights.classes],
        'settings': weights.settings,
        'borrowed': weights.borrowed,
    }
    partial = path.with_suffix('.partial')
    try:
        save_file(tensors, str(partial), metadata={'davss': json.dumps(header)})
        partial.replace(path)
    except (OSError, safetensors.SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise WeightsError(f'{path}: cannot be written: {" ".join(str(error).split())[:200]}') from error


def load_into(network: nn.Module, state: dict[str, Tensor], where: str) -> None:
    """Load ``state``; floating values become float32, and counters of batches that are missing stay as they are.

    Raises:
        WeightsError: parameters are missing, or shapes or kinds differ; the first few of each are listed, and what else
            the state has. Where only that is wrong, it is named in the log and left out.
    """
    expected = network.state_dict()
    state = {**{name: value for name, value in expected.items() if name.endswith(COUNTER)}, **state}
    missing, unknown = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    shapes = [
        f'{name}: expected {tuple(expected[name].shape)}, found {tuple(state[name].shape)}'
        for name in sorted(expected.keys() & state.keys())
        if expected[name].shape != state[name].shape
    ]
    kinds = [
        f'{name}: expected {expected[name].dtype}, found {state[name].dtype}'
        for name in sorted(expected.keys() & state.keys())
        if expected[name].is_floating_point() and not state[name].is_floating_point()
    ]
    wrong = (('missing', missing), ('not of this network', unknown), ('other shapes', shapes), ('other kinds', kinds))
    if missing or shapes or kinds:
        complaints = '; '.join(f'{what}: {_brief(names)}' for what, names in wrong if names)
        raise WeightsError(f'{where}: does not fit {type(network).__name__}: {complaints}')
    if unknown:
        _warn_once(f'{where}: left out, as they are not of {type(network).__name__}: {_brief(unknown)}')
    network.load_state_dict({name: state[name] for name in expected})


def locate(source: str) -> tuple[Path, str]:
    """Return the file of a shipped model, or the file itself, and the entry of ``FILE:ENTRY``, if one is named.

    Raises:
        WeightsError: there is no such file.
    """
    shipped = SHIPPED / f'{source}.safetensors'
    path, entry = shipped if shipped.is_file() else user_path(source), ''
    if not path.is_file() and ':' in source:
        file, _, entry = source.rpartition(':')
        path = user_path(file)
    if not path.is_file():
        shipped_names = ', '.join(sorted(p.stem for p in SHIPPED.glob('*.safetensors'))) or 'none'
        raise WeightsError(f'weights: expected a shipped model ({shipped_names}) or a file, found {source!r}')
    return path, entry


def _ours(path: Path, tensors: dict[str, Tensor], header: str) -> Weights:
    try:
        described = json.loads(header)
        networks, settings = dict(described['networks']), dict(described['settings'])
        borrowed = dict(described.get('borrowed', {}))
        classes = parse_classes(described['classes'], str(path)) if described['classes'] else ()
    except (ValueError, KeyError, TypeError, ConfigError) as error:
        raise WeightsError(f'{path}: metadata "davss" is damaged: {error}') from error
    unknown = sorted(networks.keys() - set(EVERY_ROLE))
    if unknown:
        raise WeightsError(f'{path}: expected roles {", ".join(EVERY_ROLE)}, found {", ".join(unknown)}')
    states = _split(path, restored(path, tensors), {role: role for role in EVERY_ROLE})
    states |= {role: _lent(path, model) for role, model in borrowed.items()}
    return Weights(str(path), networks, states, classes, len(classes), settings, borrowed)


def _lent(path: Path, model: str) -> dict[str, Tensor]:
    """Return the key network of a shipped model as `davss_ros.networks.again.KeyAgain` names its parameters."""
    if not (SHIPPED / f'{model}.safetensors').is_file():
        raise WeightsError(f'{path}: borrows from the shipped model {model!r}, which is not there')
    return {f'key.{name}': value for name, value in read_weights(model).states['key'].items()}


def _published(path: Path, tensors: dict[str, Tensor]) -> Weights:
    states = _split(path, tensors, {**dict(zip(ROLES, ROLES, strict=True)), **PUBLISHED_PREFIXES})
    count = 0
    for role, last in (('key', 'logits.weight'), ('correction', 'predict_cc.weight')):
        if last in states.get(role, {}):
            count = states[role][last].shape[0]
    return Weights(str(path), {role: PUBLISHED_NETWORKS[role] for role in states}, states, class_count=count)


def _chosen(path: Path, loaded: Any, entry: str) -> dict[str, Tensor]:
    """Return the one set of tensors of networks in a file, or that which ``entry`` names."""
    if not isinstance(loaded, Mapping):
        raise WeightsError(f'{path}: expected a dictionary of tensors, found {type(loaded).__name__}')
    found = find_networks(loaded, frozenset(ROLES) | PUBLISHED_PREFIXES.keys())
    if not found:
        names = ', '.join(tensor_names(loaded)[:3])
        raise WeightsError(
            f'{path}: expected names starting with {", ".join(ROLES)} (ours) or '
            f'{", ".join(PUBLISHED_PREFIXES)} (published), found {names or "no tensors"}'
        )
    listing = ', '.join(place or 'those at the top' for place in found)
    if entry and entry not in found:
        raise WeightsError(f'{path}: expected tensors under {entry!r}, found them under {listing}')
    if not entry and len(found) > 1:
        example = next(place for place in found if place)
        raise WeightsError(f'{path}: holds several sets of tensors: {listing}; name one, as {path}:{example}')
    return found[entry] if entry else next(iter(found.values()))


def _split(path: Path, tensors: dict[str, Tensor], roles: Mapping[str, str]) -> dict[str, dict[str, Tensor]]:
    """Return the tensors of each role, looked at one by one; those of no role are named and left out.

    Args:
        path: for messages.
        tensors: by name.
        roles: by the first part of a name.
    """
    states: dict[str, dict[str, Tensor]] = {}
    strangers = []
    for name, value in tensors.items():
        prefix, _, rest = name.partition('.')
        if prefix in roles:
            states.setdefault(roles[prefix], {})[rest] = check_tensor(path, name, value)
        else:
            strangers.append(name)
    if not states:
        raise WeightsError(f'{path}: expected names starting with {", ".join(ROLES)}, found {", ".join(strangers[:3])}')
    if strangers:
        _warn_once(f'{path}: left out, as they belong to no network: {_brief(strangers)}')
    return states


@cache
def _warn_once(line: str) -> None:
    """Say it in the log, once in a process: a file may be read by several who use it."""
    log.warning('%s', line)


def _brief(names: Sequence[str]) -> str:
    return ', '.join(names[:3]) + (f' and {len(names) - 3} more' if len(names) > 3 else '')
