# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Files that engines read themselves: other types than float32, and weights that lie beside them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from davss_ros.engines.cache import Cache, fingerprint
from davss_ros.engines.registry import make_engine

onnx = pytest.importorskip('onnx')
FLOAT, HALF, BYTES = 1, 10, 2


def doubled(path: Path, kind: int, *, beside: float | None = None) -> Path:
    """A graph that gives twice its input, as that type; the two may lie in another file."""
    value = onnx.helper.make_tensor_value_info
    number = {FLOAT: np.float32, HALF: np.float16, BYTES: np.uint8}[kind]
    two = onnx.numpy_helper.from_array(np.array([2 if beside is None else beside], number), 'two')
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node('Mul', ['image', 'two'], ['scores'])],
        'g',
        [value('image', kind, ['n', 3, 'h', 'w'])],
        [value('scores', kind, ['n', 3, 'h', 'w'])],
        [two],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid('', 18)], ir_version=9)
    save = {'save_as_external_data': True, 'location': 'two.bin', 'size_threshold': 0} if beside is not None else {}
    onnx.save(model, str(path), **save)
    return path


@pytest.mark.parametrize('engine', ['openvino', 'onnxruntime'])
@pytest.mark.parametrize(('kind', 'type_'), [(FLOAT, torch.float32), (HALF, torch.float16), (BYTES, torch.uint8)])
def test_inputs_of_every_type_are_given_as_they_are_taken(tmp_path: Path, engine: str, kind: int, type_: Any) -> None:
    pytest.importorskip(engine)
    image = torch.randint(0, 100, (2, 3, 8, 12)).to(type_)
    made = make_engine(engine, torch.device('cpu'), torch.float32, Cache(tmp_path / 'cache'))
    compiled = made.compile(doubled(tmp_path / 'net.onnx', kind), [image])
    assert (compiled(image)[0].float() == 2 * image.float()).all()


def test_weights_beside_the_file_are_part_of_its_fingerprint(tmp_path: Path) -> None:
    pytest.importorskip('openvino')
    image, settings = torch.ones(1, 3, 8, 12), (torch.device('cpu'), torch.float32, Cache(tmp_path / 'cache'))
    prints = []
    for factor in (3.0, 5.0):
        path = doubled(tmp_path / 'net.onnx', FLOAT, beside=factor)
        prints.append(fingerprint(path, 'engine', []))
        assert make_engine('openvino', *settings).compile(path, [image])(image)[0].unique().item() == factor
    assert prints[0] != prints[1]
