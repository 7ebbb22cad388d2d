# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Every engine computes what torch does."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from davss_ros.core.frames import street_scenes, to_tensor
from davss_ros.engines.cache import Cache
from davss_ros.engines.engine import Engine
from davss_ros.engines.engine_network import FlatInputs
from davss_ros.engines.registry import ENGINES, check_engine, make_engine
from davss_ros.errors import ConfigError, EngineError
from davss_ros.networks.again import Mirrored
from davss_ros.networks.interface import Propagated
from davss_ros.networks.registry import build

CPU = torch.device('cpu')
OTHERS = [name for name in ENGINES if name != 'torch']
TOLERANCE = 1e-4  # of the largest value; sums in another order


@pytest.fixture(params=OTHERS)
def engine(request: pytest.FixtureRequest, cache: Cache) -> Engine:
    pytest.importorskip(request.param)
    return make_engine(request.param, CPU, torch.float32, cache)


def channels_last(image: Tensor) -> Tensor:
    return image.contiguous(memory_format=torch.channels_last)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE * float(expected.abs().max()))


@pytest.mark.parametrize('size', [(64, 96), (60, 92), (44, 52)])
def test_random_images_of_any_number(engine: Engine, tiny: nn.Module, size: tuple[int, int]) -> None:
    first = torch.rand(1, 3, *size)
    compiled = engine.compile(tiny, [first])
    for count in (1, 3, 2):
        image = torch.rand(count, 3, *size)
        close(compiled(image)[0], tiny(image))


def test_the_results_stay_those_of_their_call(engine: Engine, tiny: nn.Module) -> None:
    images = [channels_last(torch.rand(1, 3, 64, 96)) for _ in range(3)]
    compiled = engine.compile(tiny, [images[0]])
    results = [compiled(image)[0] for image in images]  # kept while others are computed
    for image, result in zip(images, results, strict=True):
        close(result, tiny(image))


def test_memory_that_lies_otherwise_than_at_first(engine: Engine, tiny: nn.Module) -> None:
    image = torch.rand(2, 3, 64, 96)
    compiled = engine.compile(tiny, [channels_last(image)])
    close(compiled(image)[0], tiny(image))
    close(compiled(channels_last(image))[0], tiny(image))
    close(compiled(image.flip(3)[:1])[0], tiny(image.flip(3)[:1]))


def test_both_views_at_once(engine: Engine, tiny: nn.Module) -> None:
    views = Mirrored(tiny).eval()
    image = torch.rand(2, 3, 64, 96)
    close(engine.compile(views, [image])(image)[0], (tiny(image) + tiny(image.flip(3)).flip(3)) / 2)


@pytest.mark.parametrize(
    ('role', 'name'),
    [('distortion', 'dmnet_lite'), ('distortion', 'dmnet'), ('correction', 'cfnet_lite'), ('correction', 'cfnet')],
)
def test_networks_that_see_what_was_propagated(engine: Engine, role: str, name: str) -> None:
    torch.manual_seed(1)
    network = build(role, name, 4).eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.zeros_(module.bias)  # next to which what they see would hardly count
    carried = Propagated(torch.randn(2, 4, 16, 24), torch.rand(2, 3, 16, 24))
    image = torch.rand(2, 3, 64, 96)
    inputs = (carried, image[:, :, ::4, ::4]) if role == 'distortion' else (image, carried)
    tensors = [*carried, inputs[1]] if role == 'distortion' else [image, *carried]
    compiled = engine.compile(FlatInputs(network, inputs).eval(), tensors)  # type: ignore[arg-type]  # either order
    close(compiled(*tensors)[0], network(*inputs))  # type: ignore[list-item]  # likewise


def test_the_gate_which_does_not_look_at_the_propagated_image(engine: Engine) -> None:
    torch.manual_seed(2)
    network = build('gate', 'gate_any', 4).eval().requires_grad_(False)
    carried = Propagated(torch.randn(2, 4, 16, 24), torch.rand(2, 3, 16, 24))
    inputs = carried, torch.randn(2, 4, 16, 24), torch.rand(2, 1, 16, 24), torch.tensor([1, 7])
    tensors = [*carried, *inputs[1:]]
    compiled = engine.compile(FlatInputs(network, inputs).eval(), tensors)
    for count in (2, 1):
        part = [tensor[:count] for tensor in tensors]
        close(compiled(*part)[0], network(*inputs)[:count])


def test_the_shipped_key_network_on_real_frames(engine: Engine) -> None:
    from davss_ros.core.config import SegmenterConfig
    from davss_ros.core.model import load_model
    from davss_ros.engines.engine_network import plain

    network = plain(load_model(SegmenterConfig(engine='torch', key_views=1, precision='float32')).key)
    frames = [to_tensor(scene, 0, CPU) for scene in street_scenes((96, 128))]
    compiled = engine.compile(network, [frames[0]])
    for frame in frames:
        found, expected = compiled(frame)[0], network(frame)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)
        assert (found.argmax(1) == expected.argmax(1)).float().mean() > 0.999


def test_half_precision_by_openvino_is_as_near_as_by_torch(cache: Cache, tiny: nn.Module) -> None:
    pytest.importorskip('openvino')
    engine = make_engine('openvino', CPU, torch.bfloat16, cache)
    if not engine.description.endswith('bf16'):
        pytest.skip('no instructions for bfloat16')
    image = torch.rand(2, 3, 64, 96)
    expected = tiny(image)
    half = make_engine('torch', CPU, torch.bfloat16, cache).compile(tiny, [image])(image)[0]
    found = engine.compile(tiny, [image])(image)[0]
    assert found.dtype == torch.float32
    assert 0 < float((found - expected).abs().mean()) < 2 * float((half - expected).abs().mean())


def test_a_compiled_network_is_read_again(tmp_path: Path, tiny: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    image = channels_last(torch.rand(1, 3, 64, 96))
    for name, making in (('openvino', 'openvino_engine.traced'), ('onnxruntime', 'onnxruntime_engine.to_onnx')):
        pytest.importorskip(name)
        first = make_engine(name, CPU, torch.float32, Cache(tmp_path)).compile(tiny, [image])(image)[0]
        with monkeypatch.context() as patch:
            patch.setattr(f'davss_ros.engines.{making}', None)  # to make it again would fail
            again = make_engine(name, CPU, torch.float32, Cache(tmp_path)).compile(tiny, [image])(image)[0]
            assert torch.equal(first, again)
            with pytest.raises(TypeError):
                make_engine(name, CPU, torch.float32, Cache(tmp_path)).compile(tiny, [torch.rand(1, 3, 32, 32)])


def test_what_is_for_float32_alone_stays_so_when_it_is_read_again(tmp_path: Path, tiny: nn.Module) -> None:
    pytest.importorskip('openvino')
    image = torch.rand(1, 3, 32, 64)
    careful = copy.deepcopy(tiny)
    careful.float32_only = True  # type: ignore[assignment]  # an attribute like any other
    expected = careful(image)
    for _ in range(2):  # compiled, and read
        found = make_engine('openvino', CPU, torch.bfloat16, Cache(tmp_path)).compile(careful, [image])(image)[0]
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_files_are_read_as_they_are(tmp_path: Path, cache: Cache, tiny: nn.Module) -> None:
    pytest.importorskip('onnxruntime')
    from davss_ros.engines.onnxruntime_engine import to_onnx

    path = tmp_path / 'tiny.onnx'
    image = torch.rand(2, 3, 64, 96)
    path.write_bytes(to_onnx(tiny, [image]))
    for name in OTHERS:
        pytest.importorskip(name)
        close(make_engine(name, CPU, torch.float32, cache).compile(path, [image])(image)[0], tiny(image))
    with pytest.raises(EngineError, match='torch does not read such files'):
        make_engine('torch', CPU, torch.float32, cache).compile(path, [image])


@pytest.mark.parametrize('name', OTHERS)
def test_one_that_is_not_installed_says_how_to_get_it(name: str, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__('sys').modules, name, None)  # as if it were not there
    with pytest.raises(EngineError, match=f'{name} is not installed; run `pip install {name}`'):
        make_engine(name, CPU, torch.float32, cache)


def test_names() -> None:
    for name in ('auto', 'torch', 'openvino:GPU', 'onnxruntime:CUDA'):
        check_engine(name)
    with pytest.raises(ConfigError, match=r"engine: expected auto, torch, openvino.*found 'openvno'"):
        check_engine('openvno')


def test_devices_by_name(cache: Cache) -> None:
    pytest.importorskip('openvino')
    with pytest.raises(EngineError, match=r"openvino: expected one of the devices .*CPU.*found 'TPU'"):
        make_engine('openvino:TPU', CPU, torch.float32, cache)
    pytest.importorskip('onnxruntime')
    with pytest.raises(EngineError, match=r"onnxruntime: expected one of the providers .*CPU.*found 'TPU'"):
        make_engine('onnxruntime:TPU', CPU, torch.float32, cache)
    assert 'on CPU' in make_engine('onnxruntime:CPU', CPU, torch.float32, cache).description


def test_what_came_out_of_a_frame_does_not_change(engine: Engine, tiny: nn.Module) -> None:
    """The input is only read."""
    image = channels_last(torch.rand(1, 3, 64, 96))
    before: NDArray[np.float32] = image.numpy().copy()
    engine.compile(tiny, [image])(image)
    np.testing.assert_array_equal(image.numpy(), before)
