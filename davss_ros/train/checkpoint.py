"""Training state on disk, so that a run that was cut off goes on to the same result."""

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from davss_ros.errors import DataError


def save(path: Path, model: nn.Module, optimizer: Optimizer, done: int, settings: dict[str, Any]) -> None:
    """Write model, optimizer, the number of finished epochs and the settings; never leaves half a file."""
    state = {'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'done': done, 'settings': settings}
    partial = path.with_suffix('.partial')
    torch.save(state, partial)
    partial.replace(path)


def resume(path: Path, model: nn.Module, optimizer: Optimizer, settings: dict[str, Any]) -> int:
    """Load what `save` wrote, if it exists, and return the number of finished epochs.

    Raises:
        DataError: the run in this folder was made with other settings.
    """
    if not path.exists():
        return 0
    state = torch.load(path, map_location='cpu', weights_only=True)
    if state['settings'] != settings:
        before = state['settings']
        changed = sorted(k for k in settings.keys() | before.keys() if before.get(k) != settings.get(k))
        raise DataError(f'{path}: made with other settings ({", ".join(changed)}); choose another --out or delete it')
    model.load_state_dict(state['model'])
    optimizer.load_state_dict(state['optimizer'])
    return int(state['done'])
