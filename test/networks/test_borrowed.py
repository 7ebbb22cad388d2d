# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest
import torch

from davss_ros.errors import WeightsError
from davss_ros.networks import weights as module
from davss_ros.networks.registry import build
from davss_ros.networks.weights import Weights, read_weights, write_weights


def test_a_shipped_key_network_plays_another_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'SHIPPED', tmp_path)
    light = build('key', 'deeplab_lite0', 3).state_dict()
    write_weights(tmp_path / 'light.safetensors', Weights('', {'key': 'deeplab_lite0'}, {'key': light}))
    gate = build('gate', 'gate_any', 3).state_dict()
    networks = {'correction': 'deeplab_lite0', 'gate': 'gate_any'}
    borrower = Weights('', networks, {'gate': gate}, borrowed={'correction': 'light'})
    write_weights(tmp_path / 'whole.safetensors', borrower)
    found = read_weights('whole')
    correction = build('correction', 'deeplab_lite0', 3)
    module.load_into(correction, found.states['correction'], 'whole')
    for name, value in light.items():
        torch.testing.assert_close(correction.state_dict()[f'key.{name}'], value, atol=1e-3, rtol=1e-3)
    (tmp_path / 'light.safetensors').unlink()
    with pytest.raises(WeightsError, match="borrows from the shipped model 'light', which is not there"):
        read_weights('whole')
