"""Reading and writing weights; nothing pickled is ever executed.

Two forms are read:

- ours: safetensors whose tensors are named ``<role>.<parameter>`` and whose metadata ``davss`` (JSON) says which
  network plays each role, and the classes;
- published: a checkpoint (``.safetensors`` or ``torch.save``) with the names of the authors' code, each perhaps behind
  ``module.``. It says nothing of class names; its networks are the published ones.
"""

import json
import pickle
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from davss_ros.core.classes import SemanticClass, parse_classes
from davss_ros.errors import ConfigError, WeightsError
from davss_ros.networks.registry import ROLES

SHIPPED = Path(__file__).parent.parent / 'weights'
PUBLISHED_PREFIXES = {'deeplab': 'key', 'flownet': 'flow', 'dmnet': 'distortion', 'cfnet': 'correction'}
PUBLISHED_NETWORKS = {'key': 'deeplabv3plus', 'flow': 'flownets', 'distortion': 'dmnet', 'correction': 'cfnet'}


@dataclass(frozen=True)
class Weights:
    """What a weights file holds."""

    source: str
    networks: dict[str, str]  # role -> registered name
    states: dict[str, dict[str, Tensor]]  # role -> state dict
    classes: tuple[SemanticClass, ...] = ()
    class_count: int = 0  # 0: not known
    settings: dict[str, Any] = field(default_factory=dict)  # how the networks were trained to be used


def read_weights(source: str) -> Weights:
    """Read a shipped model by name (``camvid_lite``) or a file.

    Raises:
        WeightsError: missing, damaged, holding pickled code, or of an unknown form.
    """
    path = locate(source)
    tensors, metadata = _read(path)
    if 'davss' in metadata:
        return _ours(path, tensors, metadata['davss'])
    return _published(path, tensors)


def write_weights(path: Path, weights: Weights, dtype: torch.dtype = torch.float16) -> None:
    """Write ``weights`` in our form, floating values as ``dtype``."""
    tensors = {
        f'{role}.{name}': (value.to(dtype) if value.is_floating_point() else value).contiguous()
        for role, state in weights.states.items()
        for name, value in state.items()
    }
    header = {
        'networks': weights.networks,
        'classes': [{'name': c.name, 'color': list(c.color)} for c in weights.classes],
        'settings': weights.settings,
    }
    partial = path.with_suffix('.partial')
    save_file(tensors, str(partial), metadata={'davss': json.dumps(header)})
    partial.replace(path)


def load_into(network: nn.Module, state: dict[str, Tensor], where: str) -> None:
    """Load ``state`` strictly; floating values become float32.

    Raises:
        WeightsError: names or shapes differ; the first few of each are listed.
    """
    expected = network.state_dict()
    missing, unknown = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    shapes = [
        f'{name}: expected {tuple(expected[name].shape)}, found {tuple(state[name].shape)}'
        for name in sorted(expected.keys() & state.keys())
        if expected[name].shape != state[name].shape
    ]
    complaints = [
        f'{what}: {", ".join(names[:3])}{f" and {len(names) - 3} more" if len(names) > 3 else ""}'
        for what, names in (('missing', missing), ('not of this network', unknown), ('other shapes', shapes))
        if names
    ]
    if complaints:
        raise WeightsError(f'{where}: does not fit {type(network).__name__}: {"; ".join(complaints)}')
    network.load_state_dict(state)


def locate(source: str) -> Path:
    """Return the file of a shipped model, or the file itself; `WeightsError` if there is none."""
    shipped = SHIPPED / f'{source}.safetensors'
    path = shipped if shipped.is_file() else Path(source).expanduser()
    if not path.is_file():
        known = ', '.join(sorted(p.stem for p in SHIPPED.glob('*.safetensors'))) or 'none'
        raise WeightsError(f'weights: expected a shipped model ({known}) or a file, found {source!r}')
    return path


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        if path.suffix == '.safetensors':
            with safetensors.safe_open(str(path), framework='pt') as file:
                metadata = dict(file.metadata() or {})
            return load_file(str(path)), metadata
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of what it may not understand; what it did not is an error below
            loaded = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f'{path}: holds more than tensors, or is no checkpoint; it was not executed. '
            'Save a plain state dict with torch.save, or safetensors'
        ) from error
    except (safetensors.SafetensorError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise WeightsError(f'{path}: damaged or no weights file: {error}') from error
    if isinstance(loaded, dict) and isinstance(loaded.get('state_dict'), dict):
        loaded = loaded['state_dict']
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise WeightsError(f'{path}: expected a dictionary of tensors, found {type(loaded).__name__}')
    return loaded, {}


def _ours(path: Path, tensors: dict[str, Tensor], header: str) -> Weights:
    try:
        described = json.loads(header)
        networks, settings = dict(described['networks']), dict(described['settings'])
        classes = parse_classes(described['classes'], str(path)) if described['classes'] else ()
    except (ValueError, KeyError, TypeError, ConfigError) as error:
        raise WeightsError(f'{path}: metadata "davss" is damaged: {error}') from error
    unknown = sorted(networks.keys() - set(ROLES))
    if unknown:
        raise WeightsError(f'{path}: expected roles {", ".join(ROLES)}, found {", ".join(unknown)}')
    return Weights(str(path), networks, _split(path, tensors, set(ROLES)), classes, len(classes), settings)


def _published(path: Path, tensors: dict[str, Tensor]) -> Weights:
    plain = {name.removeprefix('module.'): value for name, value in tensors.items()}
    renamed = {}
    for name, value in plain.items():
        prefix, _, rest = name.partition('.')
        renamed[f'{PUBLISHED_PREFIXES.get(prefix, prefix)}.{rest}'] = value
    states = _split(path, renamed, set(PUBLISHED_PREFIXES.values()))
    count = 0
    for role, last in (('key', 'logits.weight'), ('correction', 'predict_cc.weight')):
        if last in states.get(role, {}):
            count = states[role][last].shape[0]
    return Weights(str(path), {role: PUBLISHED_NETWORKS[role] for role in states}, states, class_count=count)


def _split(path: Path, tensors: dict[str, Tensor], roles: set[str]) -> dict[str, dict[str, Tensor]]:
    states: dict[str, dict[str, Tensor]] = {}
    strangers = []
    for name, value in tensors.items():
        role, _, rest = name.partition('.')
        if role in roles:
            states.setdefault(role, {})[rest] = value
        else:
            strangers.append(name)
    if strangers or not states:
        found = ', '.join(strangers[:3]) or 'nothing'
        raise WeightsError(
            f'{path}: expected names starting with {", ".join(ROLES)} (ours) or '
            f'{", ".join(PUBLISHED_PREFIXES)} (published), found {found}'
        )
    return states
