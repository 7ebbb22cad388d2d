# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Networks whose files say less than they seem to: labels that would be wrong without a word."""

from pathlib import Path
from typing import Any

import pytest
import torch

from davss_ros.errors import WeightsError
from davss_ros.networks.foreign.huggingface import _preprocessor_facts
from davss_ros.networks.foreign.trial import _refuse_what_is_no_score

MOBILEVIT = {'feature_extractor_type': 'MobileViTFeatureExtractor', 'do_resize': True, 'do_flip_channel_order': True}
SEGFORMER = {'image_processor_type': 'SegformerImageProcessor', 'do_normalize': True, 'do_rescale': True}


@pytest.mark.parametrize(
    ('config', 'expected'),
    [
        (MOBILEVIT, {'scale': 1 / 255, 'mean': 0.0, 'std': 1.0, 'channels': 'bgr'}),
        (SEGFORMER, {'scale': 1 / 255}),  # mean and std are asked for
        (SEGFORMER | {'image_mean': [0.5] * 3}, {'scale': 1 / 255, 'mean': [0.5] * 3}),
        ({'do_rescale': False, 'do_normalize': False}, {'scale': 1.0, 'mean': 0.0, 'std': 1.0}),
        ({'image_mean': [0.4] * 3, 'image_std': [0.2] * 3}, {'scale': 1 / 255, 'mean': [0.4] * 3, 'std': [0.2] * 3}),
    ],
)
def test_what_a_preparation_leaves_out_is_what_transformers_does(
    config: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert _preprocessor_facts(config).values == expected


def test_one_channel_is_no_scores() -> None:
    with pytest.raises(WeightsError, match='own: gives one channel, so that one class is always the best; export two'):
        _refuse_what_is_no_score(torch.rand(1, 1, 8, 8), 'own')


def test_several_inputs_are_refused_and_sides_of_minus_one_may_be_any(tmp_path: Path) -> None:
    onnx = pytest.importorskip('onnx')
    from davss_ros.networks.foreign.load import load_foreign
    from davss_ros.networks.foreign.onnx_file import read_onnx
    from davss_ros.networks.foreign.source import ForeignSource

    def written(name: str, inputs: list[str], side: int) -> Path:
        make, kind = onnx.helper, onnx.TensorProto.FLOAT
        values = [make.make_tensor_value_info(each, kind, [1, 3, side, side]) for each in inputs]
        output = make.make_tensor_value_info('scores', kind, [1, 3, side, side])
        node = make.make_node('Sum', inputs, ['scores'])
        graph = make.make_graph([node], 'graph', values, [output])
        onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid('', 17)], ir_version=8), tmp_path / name)
        return tmp_path / name

    two = ForeignSource('onnx', written('two.onnx', ['image', 'temperature'], 64))
    with pytest.raises(WeightsError, match='expected one input, images, found image, temperature'):
        load_foreign(two, lambda *_: [], options='scale=1 mean=0 std=1 channels=rgb')
    assert read_onnx(written('any.onnx', ['image'], -1)).inputs[0].shape == (1, 3, None, None)
