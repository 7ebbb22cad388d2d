# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Folders of transformers: scores equal its own; pickled weights and foreign code are refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from davss_ros.errors import ConfigError, WeightsError
from davss_ros.networks.foreign.load import load_foreign
from davss_ros.networks.foreign.source import ForeignSource, foreign_source

transformers = pytest.importorskip('transformers')
transformers.logging.set_verbosity_error()
PREPROCESSOR = {
    'do_rescale': True,
    'rescale_factor': 1 / 255,
    'do_normalize': True,
    'image_mean': [0.485, 0.456, 0.406],
    'image_std': [0.229, 0.224, 0.225],
    'do_reduce_labels': True,
    'size': {'height': 96, 'width': 96},
}
WALLS = {0: 'wall', 1: 'floor', 2: 'door', 3: 'lamp', 4: 'chair'}


def segformer() -> Any:
    config = transformers.SegformerConfig(
        hidden_sizes=[8, 16, 24, 32],
        depths=[1, 1, 1, 1],
        decoder_hidden_size=16,
        num_attention_heads=[1, 1, 2, 2],
        id2label=WALLS,
        initializer_range=0.1,
    )
    return transformers.SegformerForSemanticSegmentation(config)


def upernet() -> Any:
    backbone = transformers.ConvNextConfig(
        hidden_sizes=[8, 16, 24, 32], depths=[1] * 4, out_features=['stage1', 'stage2', 'stage3', 'stage4']
    )
    config = transformers.UperNetConfig(
        backbone_config=backbone, num_labels=5, hidden_size=16, auxiliary_in_channels=24, auxiliary_channels=8
    )
    return transformers.UperNetForSemanticSegmentation(config)


def beit() -> Any:
    config = transformers.BeitConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=96,
        num_labels=5,
        out_indices=[1, 2, 3, 4],
        use_relative_position_bias=True,
    )
    return transformers.BeitForSemanticSegmentation(config)


def dpt() -> Any:
    config = transformers.DPTConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=96,
        num_labels=5,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 16, 16, 16],
        fusion_hidden_size=16,
    )
    return transformers.DPTForSemanticSegmentation(config)


def mask2former() -> Any:
    backbone = transformers.SwinConfig(
        embed_dim=8,
        depths=[1] * 4,
        num_heads=[1, 1, 2, 2],
        window_size=4,
        out_features=['stage1', 'stage2', 'stage3', 'stage4'],
    )
    config = transformers.Mask2FormerConfig(
        backbone_config=backbone,
        num_labels=5,
        hidden_dim=32,
        feature_size=32,
        mask_feature_size=32,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        dim_feedforward=16,
        encoder_feedforward_dim=16,
        num_queries=7,
    )
    return transformers.Mask2FormerForUniversalSegmentation(config)


def eomt() -> Any:
    config = transformers.EomtConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_blocks=1,
        num_attention_heads=2,
        image_size=96,
        num_labels=5,
        num_queries=7,
        num_register_tokens=1,
    )
    return transformers.EomtForUniversalSegmentation(config)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Save a model as people do."""

    def save(model: Any, preprocessor: dict[str, Any] | None = PREPROCESSOR) -> Path:
        model.save_pretrained(tmp_path / 'model')
        if preprocessor:
            (tmp_path / 'model' / 'preprocessor_config.json').write_text(json.dumps(preprocessor))
        return tmp_path / 'model'

    return save


def made(build: Callable[[], Any]) -> Any:
    torch.manual_seed(0)
    return build().eval()


def load(path: Path, **parameters: str) -> Any:
    return load_foreign(ForeignSource('hf', path), None, **parameters)  # type: ignore[arg-type]  # no file is run


@pytest.mark.parametrize('size', [(360, 480), (112, 128), (100, 132)])
def test_segformers_scores_equal_transformers_own(folder: Any, prepared: Any, size: tuple[int, int]) -> None:
    model = made(segformer)
    foreign = load(folder(model))
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = model(prepared(image)).logits
        assert expected.std() > 0.01
        torch.testing.assert_close(foreign.network(image), expected, atol=1e-4, rtol=0)
    found = foreign.description
    assert [c.name for c in found.classes] == list(WALLS.values())
    assert (found.label_offset, found.unlabelled, found.stride) == (1, 0, 4)
    assert found.sources['std'] == found.sources['label_offset'] == 'preprocessor_config.json'
    assert found.sources['classes'] == 'config.json'


@pytest.mark.parametrize(('build', 'size'), [(upernet, (96, 128)), (beit, (96, 128)), (dpt, (96, 96))])
def test_others_give_a_quarter_of_transformers_own(
    folder: Any, prepared: Any, build: Any, size: tuple[int, int]
) -> None:
    model = made(build)
    foreign = load(folder(model))
    image = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        own = model(prepared(image)).logits
        quarter = torch.nn.functional.interpolate(own, size=(size[0] // 4, size[1] // 4), mode='bilinear')
        torch.testing.assert_close(foreign.network(image), quarter, atol=1e-4, rtol=0)


@pytest.mark.parametrize(('build', 'size'), [(mask2former, (96, 128)), (eomt, (96, 96))])
def test_queries_become_the_scores_that_transformers_makes_of_them(
    folder: Any, prepared: Any, build: Any, size: tuple[int, int]
) -> None:
    model = made(build)
    foreign = load(folder(model))
    assert foreign.description.output_kind == 'queries'
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        own = model(prepared(image))
        ours = foreign.network(image)
    mine = torch.zeros(5, size[0] // 4, size[1] // 4)
    for query in range(own.class_queries_logits.shape[1]):  # as the papers have it, one query after the other
        of_classes = own.class_queries_logits[0, query].softmax(0)[:-1]
        mine += of_classes[:, None, None] * own.masks_queries_logits[0, query].sigmoid()
    torch.testing.assert_close(ours.exp()[0], mine.clamp(min=1e-6), atol=1e-4, rtol=1e-4)


def test_a_network_of_one_size_says_so(folder: Any) -> None:
    found = load(folder(made(eomt))).description
    assert found.size == (96, 96)
    assert found.sources['size'] == 'the size it was trained at, as it takes no other'


def test_the_preprocessor_is_followed(folder: Any) -> None:
    raw = {'do_rescale': True, 'rescale_factor': 0.5, 'do_normalize': False, 'do_flip_channel_order': True}
    found = load(folder(made(segformer), raw)).description
    assert (found.scale, found.mean, found.std, found.channels) == (0.5, (0, 0, 0), (1, 1, 1), 'bgr')
    assert (found.label_offset, found.unlabelled) == (0, 255)


def test_without_a_preprocessor_the_parameter_is_named(folder: Any) -> None:
    path = folder(made(segformer), None)
    with pytest.raises(ConfigError, match=r'key_options: expected scale .*davss\.yaml in it'):
        load(path)
    (path / 'davss.yaml').write_text('scale: 1/255\nmean: imagenet\nstd: imagenet\n')
    assert load(path).description.sources['mean'] == 'davss.yaml'


def test_pickled_weights_are_refused(folder: Any) -> None:
    path = folder(made(segformer))
    (path / 'model.safetensors').unlink()
    torch.save({}, path / 'pytorch_model.bin')
    with pytest.raises(WeightsError, match=r'expected weights as safetensors, found pickled pytorch_model\.bin'):
        load(path)


def test_code_of_its_own_is_refused(folder: Any, tmp_path: Path) -> None:
    path = folder(made(segformer))
    config = json.loads((path / 'config.json').read_text())
    config['auto_map'] = {'AutoModelForSemanticSegmentation': 'own.Own'}
    (path / 'config.json').write_text(json.dumps(config))
    (path / 'own.py').write_text(f'open({str(tmp_path / "sprung")!r}, "w")\n')
    with pytest.raises(WeightsError, match='code of its own'):
        load(path)
    assert not (tmp_path / 'sprung').exists()


def test_weights_that_are_missing_are_not_made_up(folder: Any) -> None:
    from safetensors.torch import load_file, save_file

    path = folder(made(segformer))
    weights = load_file(str(path / 'model.safetensors'))
    save_file({k: v for k, v in weights.items() if 'classifier' not in k}, str(path / 'model.safetensors'))
    with pytest.raises(WeightsError, match=r'weights are missing: decode_head\.classifier'):
        load(path)


@pytest.mark.parametrize('broken', ['config.json', 'model.safetensors', 'preprocessor_config.json'])
def test_damage_is_one_line(folder: Any, broken: str) -> None:
    path = folder(made(segformer))
    (path / broken).write_bytes((path / broken).read_bytes()[:100])
    with pytest.raises(WeightsError) as raised:
        load(path)
    assert '\n' not in str(raised.value) and str(path) in str(raised.value)


def test_another_task_is_refused(folder: Any) -> None:
    model = transformers.BertModel(
        transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    )
    with pytest.raises(WeightsError, match='cannot be loaded for segmentation'):
        load(folder(model))


def test_a_name_instead_of_a_folder_is_not_downloaded() -> None:
    with pytest.raises(ConfigError, match='on this machine'):
        foreign_source('hf:nvidia/segformer-b0')


def test_images_of_a_batch_do_not_touch_each_other(folder: Any, image: Tensor) -> None:
    foreign = load(folder(made(segformer)))
    with torch.inference_mode():
        alone = torch.cat([foreign.network(view) for view in image.split(1)])
        torch.testing.assert_close(foreign.network(image), alone, atol=1e-4, rtol=1e-4)
