# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""One training by several processes, as `torchrun` starts them: each takes its share of every batch.

What is learned is that of one process with the whole batch, but for the rounding of sums in another order: gradients
are averaged (DistributedDataParallel), batch normalisation sees the whole batch (`together`), and so do the parts of a
loss that are no mean over equal shares (`total`, `gathered`). A loss fits when its mean over the processes is the loss
of the whole batch. Dropout alone differs, being random.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from davss_ros.errors import ConfigError

B = TypeVar('B')
PATIENCE = timedelta(days=1)  # one process may make samples or validate while the others wait


def world() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process, from 0; the first one writes and speaks."""
    return dist.get_rank() if world() > 1 else 0


@contextmanager
def processes(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that torchrun started, if it did, and yield this one's device."""
    if int(os.environ.get('WORLD_SIZE', '1')) == 1:
        yield device
        return
    if device.type == 'cuda':
        device = torch.device('cuda', int(os.environ['LOCAL_RANK']))
        torch.cuda.set_device(device)
    # what it warns of costs a copy: depthwise weights, of one input channel, have no strides of their own
    warnings.filterwarnings('ignore', 'Grad strides do not match bucket view strides')
    dist.init_process_group('nccl' if device.type == 'cuda' else 'gloo', timeout=PATIENCE)
    try:
        yield device
    finally:
        dist.destroy_process_group()


def wait_for_all() -> None:
    """Return when every process has come here."""
    if world() > 1:
        dist.barrier()


def total(x: Tensor) -> Tensor:
    """Return the sum of ``x`` over the processes, the same in each; gradients go to all."""
    summed: Tensor = _Total.apply(x) if world() > 1 else x
    return summed


class _Total(torch.autograd.Function):
    """The sum over the processes; each process's loss depends on every process's input, so gradients sum up, too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        result = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(result)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _Total.forward(ctx, gradient)


def gathered(x: Tensor) -> Tensor:
    """Return the (N, ...) of all processes one behind the other, (world N, ...), alike in each; gradients go to all."""
    if world() == 1:
        return x
    places = x.new_zeros(world(), *x.shape)
    places[rank()] = x
    return total(places).flatten(0, 1)


def share(batch: B, to: Callable[[Tensor], Tensor] = lambda x: x) -> B:
    """Return this process's part of a batch: of every tensor in it, the rows that are its own.

    Args:
        batch: tensors whose first axis is that of the batch, in tuples and dataclasses; all else is left as it is.
        to: applied to each part.

    Raises:
        ConfigError: the batch cannot be shared out evenly.
    """

    def part(x: Any) -> Any:
        if isinstance(x, Tensor):
            count, rest = divmod(len(x), world())
            if rest:
                raise ConfigError(f'batch: expected a multiple of the {world()} processes, found {len(x)}')
            return to(x[rank() * count : (rank() + 1) * count])
        if isinstance(x, tuple):
            parts = [part(tensor) for tensor in x]
            return type(x)(*parts) if hasattr(x, '_fields') else tuple(parts)
        if is_dataclass(x) and not isinstance(x, type):
            return replace(x, **{f.name: part(getattr(x, f.name)) for f in fields(x)})
        return x

    shared: B = part(batch)
    return shared


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the batches of all processes, on any device (torch's own needs CUDA)."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        if not self.training:
            return super().forward(x)
        variances, means = torch.var_mean(x.float() if x.dtype != torch.float64 else x, (0, 2, 3), correction=0)
        each = gathered(torch.stack([variances, means])[None])  # (world, 2, C), of equal shares
        mean = each[:, 1].mean(0)
        variance = each[:, 0].mean(0) + each[:, 1].var(0, correction=0)
        with torch.no_grad():
            self._track(mean, variance, x.numel() // x.shape[1] * world())
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return (x * scale[:, None, None] + shift[:, None, None]).to(x.dtype)

    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        self.running_var.lerp_((variance * count / max(count - 1, 1)).to(self.running_var), self.momentum)


@contextmanager
def together(network: nn.Module, loss: Callable[[B], Tensor]) -> Iterator[Callable[[B], Tensor]]:
    """Yield ``loss`` such that its gradients for ``network`` are those of the whole batch; afterwards all is as before.

    Only what `torch.nn.BatchNorm2d` does itself is replaced; a subclass of it keeps its own ways.
    """
    if world() == 1:
        yield loss
        return
    normal = [module for module in network.modules() if type(module) is nn.BatchNorm2d]
    for module in normal:
        module.__class__ = GlobalBatchNorm2d  # the same parameters and buffers, which the optimizer knows already
    try:
        yield nn.parallel.DistributedDataParallel(_Loss(network, loss))
    finally:
        for module in normal:
            module.__class__ = nn.BatchNorm2d


class _Loss(nn.Module):
    """What DistributedDataParallel wraps: it averages the gradients of ``network``, wherever the loss uses it."""

    def __init__(self, network: nn.Module, loss: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.network = network
        self.loss = loss

    def forward(self, batch: Any) -> Tensor:
        return self.loss(batch)
