# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Training state on disk, so that a run that was cut off goes on to the same result."""

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from davss_ros.errors import DataError
from davss_ros.networks.efficientnet_lite import EfficientNetLite, shallower
from davss_ros.networks.registry import NETWORKS, build
from davss_ros.networks.weights import read_weights


class Stateful(Protocol):
    """A part of the training state beside model and optimizer, such as torch's GradScaler."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state; empty if there is none."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it back."""
        ...


def save(
    path: Path,
    model: nn.Module,
    optimizer: Optimizer,
    done: int,
    settings: dict[str, Any],
    scaler: Stateful | None = None,
) -> None:
    """Write model, optimizer, scaler, the number of finished epochs and the settings; never leaves half a file."""
    state = {'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'done': done, 'settings': settings}
    if scaler is not None:
        state['scaler'] = scaler.state_dict()
    partial = path.with_suffix('.partial')
    try:
        torch.save(state, partial)
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch's of a full disk is a RuntimeError
        partial.unlink(missing_ok=True)
        raise DataError(f'{path}: cannot be written: {" ".join(str(error).split())[:200]}') from error


def resume(
    path: Path, model: nn.Module, optimizer: Optimizer, settings: dict[str, Any], scaler: Stateful | None = None
) -> int:
    """Load what `save` wrote, if it exists, and return the number of finished epochs.

    Raises:
        DataError: the run in this folder was made with other settings, or its file is damaged.
    """
    if not path.exists():
        return 0
    state = load(path)
    if state['settings'] != settings:
        before = state['settings']
        changed = sorted(k for k in settings.keys() | before.keys() if before.get(k) != settings.get(k))
        raise DataError(f'{path}: made with other settings ({", ".join(changed)}); choose another --out or delete it')
    model.load_state_dict(state['model'])
    optimizer.load_state_dict(state['optimizer'])
    if scaler is not None and state.get('scaler'):
        scaler.load_state_dict(state['scaler'])
    return int(state['done'])


def load(path: Path) -> dict[str, Any]:
    """Return what `save` wrote; `DataError` if the file holds something else."""
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except OSError as error:
        raise DataError(f'{path}: cannot be read: {error.strerror or error}') from error
    except Exception as error:  # torch raises whatever its reader stumbles on
        raise DataError(f'{path}: no checkpoint of a training, or damaged; delete it to train anew') from error
    if not isinstance(state, dict) or not all(isinstance(state.get(name), dict) for name in ('model', 'settings')):
        raise DataError(f'{path}: expected a checkpoint.pt of a training, found another file of torch')
    return state


def take_over(source: Path, model: nn.Module, role: str) -> int:
    """Load into ``model`` the parts of another whose name and shape agree; return the number of tensors.

    Args:
        source: what `save` wrote, ``*.pt``, or a model as `read_weights` takes it; of a deeper encoder those blocks
            that ``model`` has, see `shallower`.
        model: takes them.
        role: of the network in a model.

    Raises:
        DataError: no such checkpoint, or it is none, or nothing in it fits.
        WeightsError: no such model, or it is damaged.
    """
    if source.suffix != '.pt':
        weights = read_weights(str(source))
        state = {name: value.float() for name, value in weights.states.get(role, {}).items()}
        network = weights.networks.get(role, '')
    elif source.exists():
        saved = load(source)
        state, network = saved['model'], saved['settings'].get('network', '')
    else:
        raise DataError(f'{source}: expected the checkpoint to start from, found no such file')
    if network in NETWORKS[role]:
        state = _of_the_depth_of(model, build(role, network, 1), state)
    own = model.state_dict()
    fitting = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        raise DataError(f'{source}: no part of it fits {type(model).__name__}')
    model.load_state_dict(fitting, strict=False)
    return len(fitting)


def _of_the_depth_of(model: nn.Module, other: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the ``state`` of ``other`` without the blocks of its encoder that the one of ``model`` has not."""
    own, deeper = getattr(model, 'encoder', None), getattr(other, 'encoder', None)
    if not isinstance(own, EfficientNetLite) or not isinstance(deeper, EfficientNetLite) or own.name == deeper.name:
        return state
    return {ours: state[theirs] for theirs, ours in shallower(state, deeper.name, own.name).items()}
