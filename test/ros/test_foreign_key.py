# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The node with a key network of somebody else's: one line and unconfigured where it cannot be used, else at work."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

rclpy = pytest.importorskip('rclpy')
from rclpy.parameter import Parameter  # noqa: E402  # after it is known to be there

from davss_ros.ros.node import DavssNode  # noqa: E402  # likewise

OPTIONS = 'scale=1/255 mean=0.5 std=0.5 channels=rgb'


@pytest.fixture
def make() -> Iterator[Any]:
    """Make a node with these parameters, and let it configure itself."""
    context = rclpy.Context()
    context.init()
    nodes: list[DavssNode] = []

    def configured(**values: Any) -> DavssNode:
        values = {'device': 'cpu', 'engine': 'torch', 'working_height': 120, **values}
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        nodes.append(DavssNode(context=context, parameter_overrides=overrides))
        nodes[-1].trigger_configure()
        return nodes[-1]

    yield configured
    for node in nodes:
        node.destroy_node()
    context.try_shutdown()


@pytest.mark.parametrize(
    ('kind', 'content', 'reason'),
    [
        ('onnx', b'\x08\x08garbage', 'no ONNX file'),
        ('torchscript', b'<html>', 'cut off or not a TorchScript file'),
        ('pt2', b'PK\x03\x04', 'cut off or not a file of torch.export'),
        ('hf', b'', 'expected a folder of Hugging Face transformers'),
    ],
)
def test_what_cannot_be_used_leaves_the_node_unconfigured(
    make: Any, tmp_path: Path, kind: str, content: bytes, reason: str
) -> None:
    if kind == 'onnx':
        pytest.importorskip('onnxruntime')  # without an engine that reads such files, this is what is said
    path = tmp_path / 'net'
    path.write_bytes(content)
    node = make(key=f'{kind}:{path}', engine='auto' if kind == 'onnx' else 'torch')
    assert node.state == 'unconfigured'
    assert reason in node.error and '\n' not in node.error


def test_a_network_described_by_parameters_is_at_work(make: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / 'net.ts'
    torch.jit.trace(nn.Conv2d(3, 11, 4, 4), torch.rand(1, 3, 64, 96)).save(str(path))
    node = make(key=f'torchscript:{path}')
    assert node.state == 'unconfigured' and 'key_options: expected scale' in node.error
    node = make(key=f'torchscript:{path}', key_options=OPTIONS, classes='camvid11')
    assert node.state == 'inactive', node.error
    assert node.model.name == f'torchscript:{path}' and node.model.description.scale == 1 / 255
