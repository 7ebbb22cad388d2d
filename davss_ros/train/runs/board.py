# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Curves of a training for TensorBoard (``tensorboard --logdir OUT``)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Plot = Callable[[str, float, int], None]  # name, value, step


@contextmanager
def open_board(folder: Path, step: int, progress: Callable[[str], None]) -> Iterator[Plot]:
    """Yield what writes points of curves to ``folder``; without the package tensorboard it does nothing, and says so.

    Args:
        folder: of the event files.
        step: where this run begins; what an earlier one, cut off, wrote from there on is not shown.
        progress: told if there is nothing to write with.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        progress('no curves are written: they need the package tensorboard (pip install tensorboard)')
        yield lambda name, value, step: None
        return
    with SummaryWriter(str(folder), purge_step=step or None) as writer:
        yield writer.add_scalar
