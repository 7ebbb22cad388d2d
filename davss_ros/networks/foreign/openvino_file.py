# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What a network in OpenVINO's own form (.xml, .bin) says of itself."""

from pathlib import Path
from typing import Any

from davss_ros.errors import WeightsError
from davss_ros.networks.foreign.onnx_file import METADATA, OnnxFile, Port

TYPES = {'f32': 'FLOAT', 'f16': 'FLOAT16', 'bf16': 'BFLOAT16', 'f64': 'DOUBLE', 'u8': 'UINT8'}


def read_openvino(path: Path) -> OnnxFile:
    """Return signature and metadata, in the words of ONNX.

    Raises:
        WeightsError: it is damaged, its .bin is missing, or OpenVINO is not installed.
    """
    if not path.with_suffix('.bin').is_file():
        raise WeightsError(f'{path}: its weights are missing, expected {path.with_suffix(".bin").name} beside it')
    try:
        import openvino
    except ImportError as error:
        raise WeightsError(f"{path}: `openvino` is not installed; pip install 'davss_ros[openvino]'") from error
    try:
        model = openvino.Core().read_model(path)
    except RuntimeError as error:
        raise WeightsError(f'{path}: damaged or not of OpenVINO: {" ".join(str(error).split())[-200:]}') from error
    metadata = {METADATA: model.get_rt_info([METADATA]).astype(str)} if model.has_rt_info([METADATA]) else {}
    inputs = tuple(_port(port, f'input{i}') for i, port in enumerate(model.inputs))
    return OnnxFile(inputs, tuple(_port(port, f'output{i}') for i, port in enumerate(model.outputs)), metadata)


def _port(port: Any, unnamed: str) -> Port:
    shape = tuple(side.get_length() if side.is_static else None for side in port.partial_shape)
    kind = port.element_type.get_type_name()
    return Port(port.any_name if port.names else unnamed, shape, TYPES.get(kind, kind.upper()))
