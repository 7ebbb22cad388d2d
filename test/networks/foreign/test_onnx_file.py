# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""ONNX files as people have them: what is found out and where, what comes out, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from davss_ros.errors import ConfigError, WeightsError
from davss_ros.networks.foreign.load import Foreign, load_foreign
from davss_ros.networks.foreign.source import ForeignSource

onnx = pytest.importorskip('onnx')
_Make = Callable[..., Any]
EXAMPLE = torch.rand(2, 3, 64, 96)


def loaded(path: Path, run: Any, **parameters: str) -> Foreign:
    return load_foreign(ForeignSource('onnx', path), run, **parameters)


def scores_of(foreign: Foreign, run: Any, image: Tensor) -> Tensor:
    network: Any = foreign.network
    return network.after(*run(network.file, *network.before(image)))


def test_what_metadata_and_a_run_say_is_enough(
    to_onnx: _Make, tiny: _Make, run_onnx: Any, described: Any, prepared: Any, image: Tensor
) -> None:
    path = to_onnx(tiny(), EXAMPLE, metadata={'davss': json.dumps(described)})
    foreign = loaded(path, run_onnx)
    found = foreign.description
    assert (found.input, found.layout, found.size, found.batch) == ('image', 'nchw', (0, 0), 0)
    assert (found.multiple, found.stride, found.output_kind, found.output_layout) == (4, 4, 'scores', 'nchw')
    assert [c.name for c in found.classes] == described['classes']
    assert found.sources['mean'] == 'metadata of net.onnx'
    assert found.sources['stride'] == found.sources['output_kind'] == 'a trial run'
    assert found.sources['label_offset'] == 'nothing says otherwise'
    with torch.inference_mode():
        torch.testing.assert_close(scores_of(foreign, run_onnx, image), tiny()(prepared(image)), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('stride', [1, 2, 8, 16])
def test_scores_of_any_stride_come_out_at_a_quarter(
    to_onnx: _Make, tiny: _Make, run_onnx: Any, described: Any, prepared: Any, stride: int
) -> None:
    path = to_onnx(tiny(stride), EXAMPLE, unit=max(4, stride), metadata={'davss': json.dumps(described)})
    foreign = loaded(path, run_onnx)
    assert foreign.description.stride == stride
    image = torch.rand(1, 3, 80, 128)
    with torch.inference_mode():
        plain = F.interpolate(tiny(stride)(prepared(image)), size=(20, 32), mode='bilinear')
    torch.testing.assert_close(scores_of(foreign, run_onnx, image), plain, atol=1e-4, rtol=1e-4)


def test_sides_that_are_no_multiple_are_padded_and_cropped(
    to_onnx: _Make, tiny: _Make, run_onnx: Any, described: Any, prepared: Any, image: Tensor
) -> None:
    path = to_onnx(tiny(), EXAMPLE, unit=16, metadata={'davss': json.dumps(described | {'multiple': 16})})
    foreign = loaded(path, run_onnx)
    scores = scores_of(foreign, run_onnx, image)
    assert scores.shape == (2, 5, 25, 33)
    with torch.inference_mode():
        inside = tiny()(prepared(image))[:, :, :24, :32]
    torch.testing.assert_close(scores[:, :, :24, :32], inside, atol=1e-4, rtol=1e-4)


def test_probabilities_are_noticed_and_carried_as_their_logarithm(
    to_onnx: _Make, tiny: _Make, run_onnx: Any, described: Any, prepared: Any, image: Tensor
) -> None:
    foreign = loaded(to_onnx(tiny(ending='softmax'), EXAMPLE, metadata={'davss': json.dumps(described)}), run_onnx)
    assert foreign.description.output_kind == 'probabilities'
    with torch.inference_mode():
        plain = tiny()(prepared(image)).log_softmax(1).clamp(min=torch.tensor(1e-6).log())
    torch.testing.assert_close(scores_of(foreign, run_onnx, image), plain, atol=1e-3, rtol=1e-3)


def test_channels_last_are_noticed(
    to_onnx: _Make, tiny: _Make, run_onnx: Any, described: Any, prepared: Any, image: Tensor
) -> None:
    example = EXAMPLE.permute(0, 2, 3, 1).contiguous()
    foreign = loaded(to_onnx(tiny(ending='nhwc'), example, metadata={'davss': json.dumps(described)}), run_onnx)
    assert (foreign.description.layout, foreign.description.output_layout) == ('nhwc', 'nhwc')
    with torch.inference_mode():
        torch.testing.assert_close(scores_of(foreign, run_onnx, image), tiny()(prepared(image)), atol=1e-4, rtol=1e-4)


def test_a_fixed_size_is_kept_to(to_onnx: _Make, tiny: _Make, run_onnx: Any, described: Any) -> None:
    path = to_onnx(tiny(), EXAMPLE[:1], free=False, metadata={'davss': json.dumps(described)})
    foreign = loaded(path, run_onnx)
    assert (foreign.description.size, foreign.description.batch) == ((64, 96), 1)
    assert foreign.description.sources['size'] == "net.onnx's graph"
    assert scores_of(foreign, run_onnx, torch.rand(1, 3, 120, 160)).shape == (1, 5, 30, 40)


def test_the_first_that_says_it_counts_and_who_differs_is_named(
    to_onnx: _Make, tiny: _Make, run_onnx: Any, described: Any, beside: Any
) -> None:
    metadata = {name: described[name] for name in ('scale', 'mean')}
    path = to_onnx(tiny(), EXAMPLE, metadata={'davss': json.dumps(metadata)})
    beside(path, {**described, 'mean': [0, 0, 0], 'label_offset': 1})
    found = loaded(path, run_onnx, options='channels=bgr').description
    assert found.channels == 'bgr' and found.sources['channels'] == 'parameter key_options (net.json: rgb)'
    assert found.mean == (0.485, 0.456, 0.406)
    assert found.sources['mean'] == 'metadata of net.onnx (net.json: 0, 0, 0)'
    assert (found.label_offset, found.sources['std']) == (1, 'net.json')


def test_ultralytics_metadata_say_all_that_is_needed(to_onnx: _Make, tiny: _Make, run_onnx: Any, image: Tensor) -> None:
    names = "{0: 'road', 1: 'car', 2: 'tree', 3: 'sky', 4: 'pole'}"
    path = to_onnx(tiny(), EXAMPLE, unit=32, metadata={'names': names, 'stride': '32', 'imgsz': '[64, 96]'})
    found = loaded(path, run_onnx).description
    assert [c.name for c in found.classes] == ['road', 'car', 'tree', 'sky', 'pole']
    assert (found.multiple, found.scale, found.mean, found.channels) == (32, 1 / 255, (0, 0, 0), 'rgb')
    assert found.sources['classes'] == "Ultralytics' metadata of net.onnx"


def test_names_alone_do_not_say_how_images_are_prepared(to_onnx: _Make, tiny: _Make, run_onnx: Any) -> None:
    names = '["road", "car", "tree", "sky", "pole"]'
    path = to_onnx(tiny(), EXAMPLE, metadata={'names': names, 'author': 'somebody'})
    with pytest.raises(ConfigError, match=r'key_options: expected scale .*, mean .*, std .*, channels '):
        loaded(path, run_onnx)
    found = loaded(path, run_onnx, options='scale=1/255 mean=imagenet std=imagenet channels=rgb').description
    assert found.classes[1].name == 'car' and found.sources['classes'] == 'metadata of net.onnx'


@pytest.mark.parametrize(('channels', 'mean'), [('rgb', (0.485, 0.456, 0.406)), ('bgr', (0.406, 0.456, 0.485))])
def test_imagenet_is_meant_by_colour(
    to_onnx: _Make, tiny: _Make, run_onnx: Any, described: Any, beside: Any, channels: str, mean: tuple[float, ...]
) -> None:
    path = to_onnx(tiny(), EXAMPLE)
    beside(path, {**described, 'mean': 'imagenet', 'std': 'imagenet', 'channels': channels})
    found = loaded(path, run_onnx).description
    assert found.mean == mean and found.std == ((0.229, 0.224, 0.225) if channels == 'rgb' else (0.225, 0.224, 0.229))


def test_what_cannot_be_read_is_no_matter_where_a_parameter_says_it(
    to_onnx: _Make, tiny: _Make, run_onnx: Any, described: Any, beside: Any
) -> None:
    path = to_onnx(tiny(), EXAMPLE)
    beside(path, {**described, 'mean': 'grey', 'scale': '1/0'})
    with pytest.raises(ConfigError, match=r"^net\.json: (mean|scale): expected .*, found '(grey|1/0)'$"):
        loaded(path, run_onnx)
    found = loaded(path, run_onnx, options='mean=imagenet scale=1/255').description
    assert found.mean == (0.485, 0.456, 0.406) and "found 'grey'" in found.sources['mean']


def test_what_nobody_says_is_an_error_that_names_the_parameter(
    to_onnx: _Make, tiny: _Make, run_onnx: Any, described: Any, beside: Any
) -> None:
    path = to_onnx(tiny(), EXAMPLE)
    with pytest.raises(ConfigError, match=r'key_options: expected scale .*, mean .*, std .*, channels .*net\.yaml'):
        loaded(path, run_onnx)
    options = 'scale=1/255 mean=imagenet std=imagenet channels=rgb'
    with pytest.raises(ConfigError, match='classes: expected the names of the 5 classes'):
        loaded(path, run_onnx, options=options)
    with pytest.raises(ConfigError, match='classes: expected 5, as many as the network gives, found 11'):
        loaded(path, run_onnx, options=options, classes='camvid11')
    beside(path, described)
    assert loaded(path, run_onnx).description.classes
    beside(path, described | {'maen': 1})
    with pytest.raises(ConfigError, match=r"net\.json: no such setting, 'maen'; known: input"):
        loaded(path, run_onnx)
    beside(path, described | {'std': 0})
    with pytest.raises(ConfigError, match=r'net\.json: std: expected .*above 0.*, found 0'):
        loaded(path, run_onnx)


def test_ids_instead_of_scores_are_refused(to_onnx: _Make, tiny: _Make, run_onnx: Any, described: Any) -> None:
    path = to_onnx(tiny(ending='argmax'), EXAMPLE, metadata={'davss': json.dumps(described)})
    with pytest.raises(WeightsError, match=r'argmax.*export the scores'):
        loaded(path, run_onnx)


def handmade(path: Path, input_shape: list[Any], output_shape: list[Any], kind: int = onnx.TensorProto.FLOAT) -> Path:
    """A graph of one node, whose signature is all that matters."""
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node('Identity', ['image'], ['scores'])],
        'g',
        [value('image', kind, input_shape)],
        [value('scores', kind, output_shape)],
    )
    onnx.save(onnx.helper.make_model(graph), str(path))
    return path


@pytest.mark.parametrize(
    ('shapes', 'kind', 'reason'),
    [
        (([1, 3, 8, 8], [1, 1000]), 1, r'output .*: expected scores of 4 dimensions .*, found 2'),
        (([1, 3, 64], [1, 3, 64, 64]), 1, r'input .*: expected images of 4 dimensions .*, found 3'),
        (([1, 1, 64, 64], [1, 3, 64, 64]), 1, 'expected 3 channels, found 1'),
        (([1, 3, 64, 64], [1, 3, 64, 64]), 7, 'expected images of float32, float16, uint8, found INT64'),
    ],
)
def test_another_kind_of_network_is_refused(tmp_path: Path, shapes: Any, kind: int, reason: str) -> None:
    path = handmade(tmp_path / 'net.onnx', *shapes, kind=kind)
    with pytest.raises(WeightsError, match=reason):
        loaded(path, None)


@pytest.mark.parametrize('kept', [0, 1, 30, 400, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_refused(to_onnx: _Make, tiny: _Make, kept: float) -> None:
    path = to_onnx(tiny(), EXAMPLE)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else int(kept)])
    with pytest.raises(WeightsError, match=r'net\.onnx: (damaged or )?no ONNX'):
        loaded(path, None)


@pytest.mark.parametrize('content', [b'<!DOCTYPE html><html>', b'version https://git-lfs.github.com/spec/v1\n', b'PK'])
def test_what_is_no_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'net.onnx'
    path.write_bytes(content * 20)
    with pytest.raises(WeightsError, match=r'net\.onnx: (damaged or )?no ONNX'):
        loaded(path, None)


def external(path: Path, location: str) -> Path:
    """A network that names another file for its weights."""
    weights = onnx.numpy_helper.from_array(torch.zeros(4).numpy(), 'w')
    weights.ClearField('raw_data')
    weights.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (('location', location), ('offset', '0'), ('length', '16')):
        external = weights.external_data.add()
        external.key, external.value = key, value
    node = onnx.helper.make_node('Identity', ['w'], ['scores'])
    output = onnx.helper.make_tensor_value_info('scores', 1, [1, 3, 8, 8])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], 'g', [], [output], [weights]))
    path.write_bytes(model.SerializeToString())
    return path


def test_weights_outside_the_folder_missing_or_cut_off_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / 'model'
    folder.mkdir()
    (tmp_path / 'secret').write_bytes(bytes(16))
    (folder / 'link').symlink_to(tmp_path / 'secret')
    for location in ('../secret', str(tmp_path / 'secret'), 'link', ''):
        with pytest.raises(WeightsError, match='expected its weights in its own folder'):
            loaded(external(folder / 'net.onnx', location), None)
    with pytest.raises(WeightsError, match='its weights are missing'):
        loaded(external(folder / 'net.onnx', 'weights.bin'), None)
    (folder / 'weights.bin').write_bytes(bytes(9))
    with pytest.raises(WeightsError, match='cut off: expected 16 bytes at least, found 9'):
        loaded(external(folder / 'net.onnx', 'weights.bin'), None)
