# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What is exported is computed by other frameworks as by torch, and comes back as a key network without a word."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model, load_model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.engines.engine_network import plain
from davss_ros.errors import WeightsError
from davss_ros.evaluate.cost import multiply_adds
from davss_ros.exchange.export import main
from davss_ros.exchange.int8 import collected
from davss_ros.networks.interface import Propagated
from davss_ros.networks.judge import Judge
from davss_ros.networks.registry import build

pytest.importorskip('onnx')
pytest.importorskip('onnxscript')
Frames = list[NDArray[np.uint8]]


@pytest.fixture
def config(small_weights: str) -> SegmenterConfig:
    return SegmenterConfig(
        weights=small_weights, device='cpu', precision='float32', engine='torch', key_views=1, cut_distortion=1.0
    )


@pytest.fixture
def model(config: SegmenterConfig) -> Model:
    return load_model(config)


@pytest.fixture(scope='module')
def export(small_weights: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Export by the command, each only once."""
    folder, suffixes, done = tmp_path_factory.mktemp('out'), {'onnx': '.onnx', 'openvino': '.xml', 'pt2': '.pt2'}, set()

    def run(role: str, form: str, *more: str) -> Path:
        out = folder / f'{role}{len(more)}{suffixes[form]}'
        if out not in done:
            assert main([role, '--format', form, '--out', str(out), '--weights', small_weights, *more]) == 0
            done.add(out)
        return out

    return run


def labels_of(config: SegmenterConfig, model: Model, frames: Frames) -> NDArray[np.uint8]:
    video = VideoSegmenter(replace(config, mode='per_frame'), model=model)
    return np.stack([video.step(frame).labels for frame in frames])


@pytest.mark.parametrize(
    ('form', 'kind', 'engine'),
    [
        ('onnx', 'onnx', 'onnxruntime'),
        ('onnx', 'onnx', 'openvino'),
        ('openvino', 'openvino', 'openvino'),
        ('pt2', 'pt2', 'torch'),
        ('pt2', 'pt2', 'openvino'),
    ],
)
def test_our_key_network_comes_back_with_the_same_labels(
    export: Any, config: SegmenterConfig, model: Model, street: Frames, form: str, kind: str, engine: str
) -> None:
    pytest.importorskip(engine)
    path = export('key', form)
    back_config = replace(config, key=f'{kind}:{path}', engine=engine)
    back = load_model(back_config)
    assert back.classes == model.classes and back.corrects
    assert back.description is not None and back.description.multiple == 4
    assert back.description.sources['crop_safe'] == back.description.sources['classes'] == f'metadata of {path.name}'
    odd = [np.ascontiguousarray(frame[:100, :132]) for frame in street[:3]]  # no multiple of 8
    for frames in (street[:4], odd):
        ours, theirs = labels_of(config, model, frames), labels_of(config, back, frames)
        assert (ours == theirs).mean() >= 0.9999
        assert len(np.unique(ours)) > 1
    counts = multiply_adds(street[0], back, back_config)
    assert (counts['key'] == 0) == (kind != 'pt2') and counts['distortion'] > 0  # torch cannot count what a file does
    davss, again = VideoSegmenter(config, model=model), VideoSegmenter(back_config, model=back)
    for frame in street[:4]:
        assert (davss.step(frame).labels == again.step(frame).labels).mean() >= 0.999


def test_a_size_makes_it_one_size(export: Any, config: SegmenterConfig, street: Frames) -> None:
    pytest.importorskip('onnxruntime')
    path = export('key', 'onnx', '--size', '160x120')
    back = load_model(replace(config, key=f'onnx:{path}', engine='onnxruntime'))
    assert back.description is not None and back.description.size == (120, 160)
    assert not back.corrects
    expected = labels_of(config, load_model(config), street[:2])
    assert (labels_of(config, back, street[:2]) == expected).mean() >= 0.9999


def test_distortion_and_correction_equal_torch(export: Any, model: Model, config: SegmenterConfig) -> None:
    runtime = pytest.importorskip('onnxruntime')
    torch.manual_seed(0)
    scores, carried, image = torch.randn(3, 4, 20, 28), torch.rand(3, 3, 20, 28), torch.rand(3, 3, 20, 28)
    session = runtime.InferenceSession(str(export('distortion', 'onnx')))
    inputs = {'scores': scores.numpy(), 'carried': carried.numpy(), 'image': image.numpy()}
    assert [port.name for port in session.get_inputs()] == list(inputs)
    with torch.inference_mode():
        expected = plain(model.distortion)(Propagated(scores, carried), image)
    np.testing.assert_allclose(session.run(['distortion'], inputs)[0], expected.numpy(), atol=1e-5)
    metadata = json.loads(session.get_modelmeta().custom_metadata_map['davss'])
    assert metadata['role'] == 'distortion'
    with pytest.raises(WeightsError, match='holds a distortion network, expected a key network'):
        load_model(replace(config, key=f'onnx:{export("distortion", "onnx")}', engine='onnxruntime'))
    session = runtime.InferenceSession(str(export('correction', 'onnx')))  # the key network again
    with torch.inference_mode():
        expected = model.key(torch.nn.functional.interpolate(image, scale_factor=4.0))
    inputs = {'image': torch.nn.functional.interpolate(image, scale_factor=4.0).numpy()}
    np.testing.assert_allclose(session.run(None, inputs)[0], expected.numpy(), atol=1e-4)


def test_calibration_hears_the_distortion_network_inside_a_gate(
    model: Model, config: SegmenterConfig, street: Frames
) -> None:
    heard: list[list[torch.Tensor]] = []

    class Heard(torch.nn.Module):
        def forward(self, propagated: Propagated, image: torch.Tensor) -> torch.Tensor:
            heard.append([*propagated, image])
            return torch.zeros_like(image[:, :1])

    gate = Judge(Heard(), build('gate', 'gate_any', 4)).eval()
    calls = collected(replace(model, gate=gate, window=model.correction), config, 'distortion', street[:4], 3)
    assert len(calls) == len(heard) == 3
    for call, expected in zip(calls, heard, strict=True):
        for found, tensor in zip(call, expected, strict=True):
            np.testing.assert_array_equal(found, tensor.numpy())


@pytest.mark.parametrize('form', ['onnx', 'openvino'])
def test_int8_tells_what_it_lost_and_still_works(
    export: Any, config: SegmenterConfig, street: Frames, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    pytest.importorskip('nncf')
    pytest.importorskip('openvino')
    folder = tmp_path / 'frames'
    folder.mkdir()
    for number, frame in enumerate(street):
        cv2.imwrite(str(folder / f'{number}.png'), frame[..., ::-1])
    path = export('key', form, '--int8', '--frames', str(folder))
    said = capsys.readouterr().out
    assert 'in int8: share of labels that are the same 0.' in said and 'on 6 calls, calibrated on 6 others' in said
    back = load_model(replace(config, key=f'{form}:{path}', engine='openvino'))
    same = (labels_of(config, back, street[6:]) == labels_of(config, load_model(config), street[6:])).mean()
    assert 0.8 < same < 1  # and in fact something was lost
    kind = {'onnx': b'QuantizeLinear', 'openvino': b'FakeQuantize'}[form]
    assert kind in path.read_bytes()


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (['key', '--int8'], '--int8: expected --frames VIDEO'),
        (['key', '--format', 'onnx', '--out', 'x.pt2'], r"--out: expected a name ending in .onnx, found 'x.pt2'"),
        (['key', '--out', '/nowhere/x.onnx'], '--out: no such folder: /nowhere'),
        (['correction', '--correction', 'none'], 'correction: none: there is nothing to export'),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    small_weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    out = [] if '--out' in arguments else ['--out', str(tmp_path / 'x.onnx')]
    assert main([*arguments, *out, '--weights', small_weights]) == 1
    said = capsys.readouterr().err
    assert reason in said and said.count('\n') == 1
