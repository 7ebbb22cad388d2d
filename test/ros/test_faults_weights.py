# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Weights that cannot be used: one clear line, no code run, still unconfigured, and well after the repair."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
import safetensors
import torch
from rclpy.parameter import Parameter
from safetensors.torch import load_file, save_file

from davss_ros.core.classes import load_classes
from davss_ros.networks.registry import build
from davss_ros.networks.weights import SHIPPED, Weights, write_weights
from davss_ros.ros.node import DavssNode

GOOD = SHIPPED / 'camvid_lite.safetensors'


class Touch:
    """Touches a file when it is unpickled."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> Any:
        return Path.touch, (self.flag,)


def truncated(folder: Path) -> str:
    path = folder / 'half.safetensors'
    path.write_bytes(GOOD.read_bytes()[: GOOD.stat().st_size // 2])
    return str(path)


def of_another_model(folder: Path) -> str:
    path = folder / 'resnet.safetensors'
    save_file({'layer1.0.conv1.weight': torch.zeros(8, 3, 3, 3)}, str(path))
    return str(path)


def of_another_network(folder: Path) -> str:
    """Our form, but the tensors are those of another correction network than it says."""
    path = folder / 'mixed.safetensors'
    networks = {'key': 'deeplab_lite0', 'flow': 'dis', 'distortion': 'dmnet_lite', 'correction': 'cfnet_lite'}
    states = {role: build(role, name, 11).state_dict() for role, name in networks.items() if role != 'flow'}
    states['correction'] = build('correction', 'cfnet', 11).state_dict()
    write_weights(path, Weights('', networks, states, load_classes('camvid11'), 11))
    return str(path)


def of_a_wrong_class_count(folder: Path) -> str:
    """The shipped tensors, with one class name less."""
    path = folder / 'ten.safetensors'
    with safetensors.safe_open(str(GOOD), framework='pt') as file:
        header = json.loads(file.metadata()['davss'])
    header['classes'].pop()
    save_file(load_file(str(GOOD)), str(path), metadata={'davss': json.dumps(header)})
    return str(path)


def with_code(folder: Path) -> str:
    path = folder / 'evil.pth'
    torch.save({'deeplab.logits.weight': Touch(folder / 'ran')}, path)
    return str(path)


def with_code_by_another_name(folder: Path) -> str:
    path = folder / 'evil.safetensors'
    torch.save({'deeplab.logits.weight': Touch(folder / 'ran')}, path)
    return str(path)


def missing(folder: Path) -> str:
    return str(folder / 'nowhere.safetensors')


def parameters(**values: Any) -> list[Parameter]:
    """Of a node on the CPU, small, so that warming it takes no time."""
    return [Parameter(n, value=v) for n, v in {'device': 'cpu', 'working_height': 96, **values}.items()]


@pytest.fixture
def node() -> Iterator[DavssNode]:
    context = rclpy.Context()
    context.init()
    node = DavssNode(context=context, parameter_overrides=parameters())
    yield node
    node.destroy_node()
    context.try_shutdown()


def set_to(node: DavssNode, **values: Any) -> None:
    for result in node.set_parameters([Parameter(name, value=value) for name, value in values.items()]):
        assert result.successful, result.reason


@pytest.mark.parametrize(
    ('make', 'complaint'),
    [
        (truncated, r'half\.safetensors: damaged or no weights file'),
        (of_another_model, r'resnet\.safetensors: expected names starting with .* found layer1'),
        (of_another_network, r'mixed\.safetensors: does not fit CFNetLite: missing: '),
        (of_a_wrong_class_count, r'ten\.safetensors: does not fit \w+: other shapes: .*expected \(10, .*found \(11, '),
        (with_code, r'evil\.pth: holds more than tensors.* it was not executed'),
        (with_code_by_another_name, r'evil\.safetensors: holds more than tensors.* it was not executed'),
        (missing, r"weights: expected a shipped model \([^)]*\) or a file, found '.*nowhere"),
    ],
    ids=lambda settings: settings.__name__ if callable(settings) else '',
)
def test_unusable_weights_are_one_clear_line_and_a_repair_works(
    node: DavssNode, tmp_path: Path, capfd: pytest.CaptureFixture[str], make: Any, complaint: str
) -> None:
    set_to(node, weights=make(tmp_path))
    node.start()
    said = capfd.readouterr()
    lines = [line for line in (said.err + said.out).splitlines() if line]
    assert len(lines) == 1, lines
    assert re.search(f'not configured: .*{complaint}', lines[0]), lines[0]
    assert (node.state, node.model, dict(node.cameras)) == ('unconfigured', None, {})
    assert re.search(complaint, node.error)
    assert not (tmp_path / 'ran').exists()
    set_to(node, weights='camvid_lite')
    node.start()
    assert (node.state, node.error) == ('active', '')


@pytest.mark.parametrize(
    ('name', 'wrong', 'complaint'),
    [
        ('device', 'cuda:99', r"device: expected .* CUDA device.*, found 'cuda:99'"),
        ('classes', 'camvid12', 'camvid12'),
        ('classes', 'cityscapes19', 'classes: expected 11, as many as the weights have, found 19'),
        ('key', 'resnet', "key: expected one of .*found 'resnet'"),
        (
            'qos_overrides./image.subscription.reliability',
            'never',
            "image.subscription.reliability: expected one of auto, reliable, best_effort, found 'never'",
        ),
    ],
)
def test_other_settings_that_cannot_be_had(
    capfd: pytest.CaptureFixture[str], name: str, wrong: str, complaint: str
) -> None:
    context = rclpy.Context()
    context.init()
    node = DavssNode(context=context, parameter_overrides=parameters(**{name: wrong}))
    node.start()
    said = capfd.readouterr()
    lines = [line for line in (said.err + said.out).splitlines() if line]
    assert len(lines) == 1 and re.search(f'not configured: .*{complaint}', lines[0]), lines
    assert node.state == 'unconfigured'
    set_to(node, **{name: {'device': 'cpu', 'classes': 'camvid11', 'key': ''}.get(name, 'best_effort')})
    node.start()
    assert (node.state, node.error) == ('active', '')
    node.destroy_node()
    context.try_shutdown()


def test_what_was_made_before_the_failure_is_taken_down() -> None:
    context = rclpy.Context()
    context.init()
    wrong = 'qos_overrides./left/image.subscription.reliability'
    settings = {'cameras': ['front', 'left'], wrong: 'never'}
    node = DavssNode(context=context, parameter_overrides=parameters(**settings))
    topics = [f'/davss/{camera}/{name}' for camera in ('front', 'left') for name in ('label', 'overlay', 'camera_info')]
    for _ in range(2):
        node.start()
        assert (node.state, node.model, dict(node.cameras)) == ('unconfigured', None, {})
        assert [node.count_publishers(topic) for topic in topics] == [0] * 6
    set_to(node, **{wrong: 'best_effort'})
    node.start()
    assert (node.state, list(node.cameras)) == ('active', ['front', 'left'])
    assert [node.count_publishers(topic) for topic in topics] == [1] * 6
    node.destroy_node()
    context.try_shutdown()


def test_the_code_in_these_files_would_have_run(tmp_path: Path) -> None:
    torch.load(with_code(tmp_path), weights_only=False)
    assert (tmp_path / 'ran').exists()
