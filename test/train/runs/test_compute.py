# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from davss_ros.train.runs.compute import Compute, choose_compute

CPU = torch.device('cpu')


@pytest.mark.parametrize('best', [torch.float32, torch.bfloat16], ids=str)
def test_auto_is_what_is_best_on_a_cpu(best: torch.dtype) -> None:
    assert choose_compute(CPU, 'auto', best) == Compute(best, CPU)


@pytest.mark.parametrize('name', ['float32', 'bfloat16', 'float16'])
def test_a_named_precision_is_taken_and_is_that_of_the_networks(name: str) -> None:
    compute = choose_compute(CPU, name, torch.bfloat16)
    assert compute.precision == getattr(torch, name)
    layer = torch.nn.Linear(3, 2)
    with compute.autocast():
        assert layer(torch.zeros(1, 3)).dtype == compute.precision
    assert layer.weight.dtype == torch.float32


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
def test_auto_is_half_precision_on_cuda() -> None:
    compute = choose_compute(torch.device('cuda'), 'auto', torch.float32)
    assert compute.precision in (torch.bfloat16, torch.float16)
    assert compute.to(torch.zeros(1)).is_cuda
