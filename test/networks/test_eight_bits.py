# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import pytest
import torch

from davss_ros.errors import WeightsError
from davss_ros.networks.eight_bits import LARGE, SCALE, reduced, restored
from davss_ros.networks.registry import build
from davss_ros.networks.weights import Weights, read_weights, write_weights

FILE = Path('some.safetensors')


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    outputs = torch.logspace(-3, 2, 256)[:, None, None, None]  # of very different size
    large = outputs * torch.randn(256, 512, 1, 1, generator=generator)
    large[7] = 0
    small, wide = (torch.randn(*shape, generator=generator) for shape in ((8, 8, 1, 1), (256, 256, 3, 3)))
    return {'large': large, 'small': small, 'wide': wide, 'bias': torch.randn(LARGE), 'count': torch.tensor(3)}


def test_large_weights_come_back_within_half_a_step_of_their_output(tensors: dict[str, torch.Tensor]) -> None:
    small = reduced(tensors)
    assert small.keys() - tensors.keys() == {'large' + SCALE}
    assert small['large'].dtype == torch.int8
    found = restored(FILE, small)
    assert found.keys() == tensors.keys()
    for i, row in enumerate(tensors['large'].numpy()):
        step = np.abs(row).max() / 127
        np.testing.assert_allclose(found['large'][i], row, rtol=0, atol=0.501 * step)
    for name in tensors.keys() - {'large'}:
        assert torch.equal(found[name], tensors[name])


@pytest.mark.parametrize(
    'damage',
    [
        {'large' + SCALE: torch.ones(3)},
        {'large' + SCALE: torch.ones(256, 1, 1, 1, dtype=torch.int32)},
        {'large': torch.ones(256, 512, 1, 1)},
        {'large': torch.ones(256, dtype=torch.int8)},
    ],
)
def test_scales_that_do_not_fit_are_named(tensors: dict[str, torch.Tensor], damage: dict[str, torch.Tensor]) -> None:
    with pytest.raises(WeightsError, match='large: expected int8 weights'):
        restored(FILE, reduced(tensors) | damage)


def test_a_file_of_a_network_is_smaller_and_as_good(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build('key', 'deeplab_lite1', 5).eval()
    weights = Weights('', {'key': 'deeplab_lite1'}, {'key': network.state_dict()}, class_count=5)
    for name, eight_bits in (('half', False), ('eight', True)):
        write_weights(tmp_path / f'{name}.safetensors', weights, eight_bits=eight_bits)
    half, eight = (tmp_path / f'{name}.safetensors' for name in ('half', 'eight'))
    assert eight.stat().st_size < 0.75 * half.stat().st_size
    states = [read_weights(str(path)).states['key'] for path in (half, eight)]
    assert states[0].keys() == states[1].keys()
    image = torch.rand(1, 3, 64, 64)
    scores = []
    for state in states:
        network.load_state_dict(state)
        with torch.inference_mode():
            scores.append(network(image))
    assert (scores[0] - scores[1]).abs().max() < 0.1 * scores[0].std()
