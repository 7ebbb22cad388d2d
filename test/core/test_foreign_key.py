# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A whole model around a key network of somebody else's: classes, windows or none, key frames when needed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.foreign_key import distortion_for
from davss_ros.core.model import load_model
from davss_ros.core.segmenter import VideoSegmenter, step_together
from davss_ros.engines.engine_network import engine_of, plain
from davss_ros.errors import ConfigError, WeightsError
from davss_ros.networks.registry import build
from davss_ros.networks.weights import Weights, read_weights, write_weights

Frames = list[NDArray[np.uint8]]
DESCRIBED = {
    'scale': 1 / 255,
    'mean': 0.5,
    'std': 0.5,
    'channels': 'rgb',
    'classes': ['dark', 'red', 'blue', 'bright'],
}


class Colours(nn.Module):
    """Scores at 1/4 size by the colour of a pixel; of ``everything`` if it looks at the whole picture."""

    def __init__(self, everything: bool = False) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 4, 4, 4)
        self.everything = everything
        with torch.no_grad():
            weight = torch.tensor([[-1.0, -1, -1], [2, -1, -1], [-1, -1, 2], [1, 1, 1]])
            self.head.weight.copy_(weight[:, :, None, None].expand(-1, -1, 4, 4) * 0.5)
            self.head.bias.zero_()

    def forward(self, image: Tensor) -> Tensor:
        scores = self.head(image)
        if self.everything:
            rows = torch.linspace(-1, 1, scores.shape[2])[None, None, :, None]
            scores = scores + 40 * rows * torch.tensor([1.0, -1.0, 1.0, -1.0])[None, :, None, None]
        return scores


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """Flow and a distortion network that knows no classes, beside which a key network is wanted."""
    torch.manual_seed(0)
    network = build('distortion', 'dmnet_any', 4)
    path = tmp_path / 'any.safetensors'
    settings = {'propagation': 'renewed', 'correction_gain': 4.0, 'correction_share': 0.3}
    names = {'distortion': 'dmnet_any', 'flow': 'dis'}
    write_weights(path, Weights(str(path), names, {'distortion': network.state_dict()}, settings=settings))
    return str(path)


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., str]:
    """Save as TorchScript, described beside it."""

    def save(*, everything: bool = False, **changes: Any) -> str:
        path = tmp_path / 'net.ts'
        torch.jit.script(Colours(everything).eval()).save(str(path))
        (tmp_path / 'net.json').write_text(json.dumps(DESCRIBED | changes))
        return f'torchscript:{path}'

    return save


@pytest.fixture
def config(weights: str) -> SegmenterConfig:
    return SegmenterConfig(weights=weights, device='cpu', precision='float32', engine='torch', cut_distortion=1.0)


def colour_labels(frame: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The same, written plainly, at 1/4 size."""
    mean = frame.reshape(frame.shape[0] // 4, 4, frame.shape[1] // 4, 4, 3).mean((1, 3)) / 127.5 - 1
    return np.argmax(mean @ np.array([[-1.0, -1, -1], [2, -1, -1], [-1, -1, 2], [1, 1, 1]]).T, -1)


def test_key_frames_are_its_own_and_names_too(script: Any, config: SegmenterConfig, street: Frames) -> None:
    model = load_model(replace(config, key=script()))
    assert [c.name for c in model.classes] == DESCRIBED['classes']
    assert len({c.color for c in model.classes}) == 4
    result = VideoSegmenter(config, model=model).step(street[0])
    assert result.is_key
    expected = colour_labels(street[0])
    inside = result.labels[2::4, 2::4][1:-1, 1:-1]
    assert (inside == expected[1:-1, 1:-1]).mean() > 0.97  # what is left are edges, which are interpolated


def test_a_crop_safe_network_redoes_windows_itself(script: Any, config: SegmenterConfig, street: Frames) -> None:
    model = load_model(replace(config, key=script()))
    assert model.corrects and model.description is not None and model.description.crop_safe
    assert model.description.sources['crop_safe'] == 'windows of a street: scores alike by 1.00'
    torch.testing.assert_close(
        model.correction(torch.ones(1, 3, 64, 64), None),
        model.key(torch.ones(1, 3, 64, 64)),  # type: ignore[arg-type]  # one tensor of it
    )
    video = VideoSegmenter(config, model=model)
    results = [video.step(frame) for frame in street[:5]]
    assert [r.is_key for r in results] == [True, False, False, False, False]
    assert 'correction' in results[1].timings


def test_one_that_needs_the_whole_picture_does_not(
    script: Any, config: SegmenterConfig, street: Frames, caplog: pytest.LogCaptureFixture
) -> None:
    model = load_model(replace(config, key=script(everything=True)))
    assert not model.corrects
    assert 'is not crop-safe (windows of a street: scores alike by ' in caplog.text
    assert 'correction: none' in caplog.text
    flow, davss = (VideoSegmenter(replace(config, mode=mode), model=model) for mode in ('flow', 'davss'))
    for frame in street[:4]:
        plain, result = flow.step(frame), davss.step(frame)
        np.testing.assert_array_equal(plain.labels, result.labels)
    assert result.distortion.max() > 0


def test_without_correction_the_map_asks_for_key_frames(script: Any, config: SegmenterConfig, street: Frames) -> None:
    config = replace(config, key_interval=2, key_frame_distortion=0.0)
    model = load_model(replace(config, key=script(everything=True)))
    reasons = [r.key_reason for r in map(VideoSegmenter(config, model=model).step, street[:6])]
    assert 'distortion' in reasons
    fixed = replace(config, key_frame_policy='fixed')
    assert [r.key_reason for r in map(VideoSegmenter(fixed, model=model).step, street[:4])][2] == 'interval'


def test_what_the_user_says_of_crops_counts(script: Any, config: SegmenterConfig) -> None:
    assert load_model(replace(config, key=script(everything=True, crop_safe=True))).corrects
    assert not load_model(replace(config, key=script(), key_options='crop_safe=false')).corrects
    assert not load_model(replace(config, key=script(), correction='none')).corrects


def test_a_fixed_size_is_used_whatever_the_frames(
    script: Any, config: SegmenterConfig, street: Frames, caplog: pytest.LogCaptureFixture
) -> None:
    name = script(size='96x64', batch=1)
    model = load_model(replace(config, key=name))
    assert not model.corrects and 'takes frames of 96x64 only' in caplog.text
    videos = [VideoSegmenter(config, model=model) for _ in range(2)]
    together = step_together(videos, [street[0], street[0]], [0, 0])
    assert all(result.labels.shape == (120, 160) for result in together)
    expected = colour_labels(street[0])
    assert (together[0].labels[2::4, 2::4] == expected).mean() > 0.85
    with pytest.raises(ConfigError, match=r'correction: .* takes frames of 96x64 only, so it cannot redo windows'):
        load_model(replace(config, key=name, correction='key'))


def test_two_views_are_the_mean_of_both(script: Any, config: SegmenterConfig) -> None:
    single, two = (load_model(replace(config, key=script(everything=True), key_views=n)).key for n in (1, 2))
    image = torch.rand(1, 3, 64, 96)
    torch.testing.assert_close(two(image), (single(image) + single(image.flip(3)).flip(3)) / 2)


def test_a_distortion_network_of_other_classes_is_not_taken(script: Any, config: SegmenterConfig) -> None:
    with pytest.raises(ConfigError, match=r"distortion: 'dmnet_lite' was trained for other classes than these 4"):
        load_model(replace(config, weights='camvid_lite', key=script(), distortion='dmnet_lite'))


def test_with_the_default_weights_the_shipped_network_for_any_classes_is_taken(script: Any, street: Frames) -> None:
    config = SegmenterConfig(device='cpu', precision='float32', engine='torch', key=script())
    model = load_model(config)
    assert type(plain(model.distortion)).__name__ == 'DMNetAny' and model.gate is None
    video = VideoSegmenter(config, model=model)
    results = [video.step(frame) for frame in street[:4]]
    assert results[-1].labels.max() < 4 and results[-1].distance == 3
    shipped = [read_weights('camvid_lite')]
    assert distortion_for(11, config, shipped)[0] == 'dmnet_any'  # as many classes, but who knows which
    assert distortion_for(11, replace(config, distortion='dmnet_lite'), shipped)[0] == 'dmnet_lite'


def test_the_checksum_is_of_both(script: Any, config: SegmenterConfig, tmp_path: Path) -> None:
    name = script()
    before = load_model(replace(config, key=name)).checksum
    assert load_model(replace(config, key=name)).checksum == before
    script(everything=True)
    assert load_model(replace(config, key=name)).checksum != before


def test_what_cannot_be_used_is_refused_before_anything_starts(config: SegmenterConfig, tmp_path: Path) -> None:
    (tmp_path / 'net.ts').write_bytes(b'<html>')
    with pytest.raises(WeightsError, match='cut off or not a TorchScript file'):
        load_model(replace(config, key=f'torchscript:{tmp_path / "net.ts"}'))
    with pytest.raises(ConfigError, match='key: expected an ONNX file, found no file'):
        load_model(replace(config, key='onnx:nowhere.onnx'))
    (tmp_path / 'net.onnx').write_bytes(b'')
    with pytest.raises(ConfigError, match=r'engine: torch does not read .*net\.onnx; set engine to auto or openvino'):
        load_model(replace(config, key=f'onnx:{tmp_path / "net.onnx"}'))


@pytest.mark.parametrize('engine', ['openvino', 'onnxruntime'])
def test_a_segformer_folder_is_computed_by_every_engine(
    config: SegmenterConfig, tmp_path: Path, street: Frames, engine: str
) -> None:
    transformers = pytest.importorskip('transformers')
    pytest.importorskip(engine)
    transformers.logging.set_verbosity_error()
    torch.manual_seed(0)
    kind = transformers.SegformerConfig(
        hidden_sizes=[8, 16, 24, 32], depths=[1] * 4, decoder_hidden_size=16, num_attention_heads=[1, 1, 2, 2]
    )
    transformers.SegformerForSemanticSegmentation(kind).save_pretrained(tmp_path / 'model')
    preprocessor = {'image_mean': [0.5] * 3, 'image_std': [0.25] * 3, 'do_rescale': True}
    (tmp_path / 'model' / 'preprocessor_config.json').write_text(json.dumps(preprocessor))
    config = replace(config, key=f'hf:{tmp_path / "model"}', key_options='crop_safe=true')
    models = [load_model(replace(config, engine=name)) for name in ('torch', engine)]
    image = torch.rand(1, 3, 120, 160)
    with torch.inference_mode():
        ours, theirs = (model.key(image) for model in models)
    torch.testing.assert_close(theirs, ours, atol=1e-4, rtol=1e-3)
    assert engine in engine_of(models[1].key)
    video = VideoSegmenter(config, model=models[1])
    assert [video.step(frame).is_key for frame in street[:3]] == [True, False, False]
