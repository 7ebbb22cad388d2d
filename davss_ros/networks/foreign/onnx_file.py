# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What an ONNX file says of itself: its graph, its metadata (ours, Ultralytics'), and where its weights are."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from davss_ros.errors import WeightsError
from davss_ros.networks.foreign.settings import Facts

METADATA = 'davss'  # key of our description among the metadata, JSON
INPUT_TYPES = {'FLOAT': 'float32', 'FLOAT16': 'float16', 'UINT8': 'uint8'}
OUTPUT_NAMES = ('scores', 'logits', 'out', 'output', 'output0', 'probabilities')  # that mean it, among several
QUERIES = (('class_queries_logits', 'masks_queries_logits'), ('pred_logits', 'pred_masks'))
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Port:
    """An input or output of a graph; ``shape`` has None where a side is free."""

    name: str
    shape: tuple[int | None, ...]
    type: str  # as ONNX calls it


@dataclass(frozen=True)
class OnnxFile:
    """What the file says."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: Mapping[str, str]


def read_onnx(path: Path) -> OnnxFile:
    """Read the graph's signature and metadata, and look after the weights that lie beside it.

    Raises:
        WeightsError: the file is damaged or no ONNX, weights are missing or outside its folder, or `onnx` is not there.
    """
    try:
        import onnx
    except ImportError as error:
        raise WeightsError(f"{path}: `onnx` is not installed, which reads it; pip install 'davss_ros[onnx]'") from error
    try:
        model = onnx.load_model(str(path), load_external_data=False)
    except Exception as error:  # protobuf's own class of errors differs between its versions
        raise WeightsError(f'{path}: damaged or no ONNX file ({type(error).__name__})') from error
    if not model.opset_import or not model.graph.node or not model.graph.output:
        raise WeightsError(f'{path}: no ONNX file, or one that is cut off: it holds no graph')
    for location, end in _external(onnx, model):
        check_external(path, location, end)
    weights = {tensor.name for tensor in model.graph.initializer}
    return OnnxFile(
        tuple(_port(onnx, value) for value in model.graph.input if value.name not in weights),
        tuple(_port(onnx, value) for value in model.graph.output),
        {entry.key: entry.value for entry in model.metadata_props},
    )


def external_files(path: Path) -> list[Path]:
    """Return the files that hold weights of an ONNX file; none if it cannot be read, which others complain of."""
    try:
        import onnx

        model = onnx.load_model(str(path), load_external_data=False)
        return sorted({path.parent / location for location, _ in _external(onnx, model)})
    except Exception:  # see `read_onnx`
        return []


def check_external(path: Path, location: str, end: int) -> None:
    """Raise `WeightsError` unless ``location`` is a file in the folder of ``path`` that has ``end`` bytes."""
    folder, beside = path.resolve().parent, path.parent / location
    if not location or Path(location).is_absolute() or not beside.resolve().is_relative_to(folder):
        raise WeightsError(f'{path}: expected its weights in its own folder, it names {location!r}; not opened')
    if not beside.is_file():
        raise WeightsError(f'{path}: its weights are missing, expected {beside}; copy that file too')
    if beside.stat().st_size < end:
        raise WeightsError(f'{beside}: cut off: expected {end} bytes at least, found {beside.stat().st_size}')


def graph_facts(path: Path, file: OnnxFile) -> Facts:
    """Return what the graph's signature says.

    Raises:
        WeightsError: input or output are of a rank or type that no segmentation network has.
    """
    values: dict[str, Any] = {}
    if len(file.inputs) == 1:
        values |= _input_facts(path, file.inputs[0])
    output = pick_output([port.name for port in file.outputs], {p.name: len(p.shape) for p in file.outputs})
    if output:
        values['output'] = output
        if ',' in output:
            values['output_kind'] = 'queries'
        else:
            refuse_labels(path, next(port for port in file.outputs if port.name == output))
    return Facts(f"{path.name}'s graph", values)


def metadata_facts(path: Path, file: OnnxFile) -> list[Facts]:
    """Return what the metadata says: ours first, then Ultralytics'."""
    facts = []
    if METADATA in file.metadata:
        facts.append(own_metadata(path, file.metadata[METADATA]))
    if 'names' in file.metadata:
        facts.append(_ultralytics(path, file.metadata))
    return facts


def own_metadata(path: Path, text: str) -> Facts:
    """Return our description among a file's metadata; `WeightsError` if that is damaged."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise WeightsError(f'{path}: metadata {METADATA!r} is damaged: {error}') from error
    if not isinstance(values, dict):
        raise WeightsError(f'{path}: metadata {METADATA!r}: expected names with values, found {type(values).__name__}')
    role = values.pop('role', 'key')
    if role != 'key':
        raise WeightsError(f'{path}: holds a {role} network, expected a key network')
    values.pop('int8', None)  # what quantising it lost, for people
    return Facts(f'metadata of {path.name}', values)


def pick_output(names: Sequence[str], ranks: Mapping[str, int]) -> str:
    """Return which output holds the scores, two of queries with a comma; empty where that is not clear."""
    for pair in QUERIES:
        if all(name in names for name in pair):
            return ','.join(pair)
    if len(names) == 1:
        return names[0]
    named = [name for name in OUTPUT_NAMES if name in names]
    maps = [name for name in names if ranks.get(name) == 4]
    return named[0] if named else maps[0] if len(maps) == 1 else ''


def refuse_labels(path: Path, port: Port) -> None:
    """Raise `WeightsError` if an output holds ids and no scores, or is no map at all."""
    if port.type not in ('FLOAT', 'FLOAT16', 'BFLOAT16', 'DOUBLE', 'UNDEFINED'):
        raise WeightsError(
            f'{path}: output {port.name!r} holds {port.type} ids (argmax), which cannot be carried along the flow; '
            'export the scores'
        )
    if port.shape and len(port.shape) != 4:
        raise WeightsError(
            f'{path}: output {port.name!r}: expected scores of 4 dimensions (N, C, h, w), found {len(port.shape)}; '
            'is it a network for semantic segmentation? If it holds argmax ids, export the scores'
        )


def _input_facts(path: Path, port: Port) -> dict[str, Any]:
    if port.type not in INPUT_TYPES:
        raise WeightsError(
            f'{path}: input {port.name!r}: expected images of {", ".join(INPUT_TYPES.values())}, found {port.type}'
        )
    if len(port.shape) != 4:
        raise WeightsError(
            f'{path}: input {port.name!r}: expected images of 4 dimensions (N, 3, H, W), found {len(port.shape)}'
        )
    last = port.shape[3] == 3 and port.shape[1] != 3
    channels, rows, columns = (port.shape[i] for i in ((3, 1, 2) if last else (1, 2, 3)))
    if channels not in (3, None):
        raise WeightsError(f'{path}: input {port.name!r}: expected 3 channels, found {channels}')
    values: dict[str, Any] = {'input': port.name, 'batch': 1 if port.shape[0] == 1 else 0}
    if channels:
        values['layout'] = 'nhwc' if last else 'nchw'
    if rows and columns:
        values['size'] = f'{columns}x{rows}'
    return values


def _ultralytics(path: Path, metadata: Mapping[str, str]) -> Facts:
    """Its networks take RGB in [0, 1], and say names of classes, a stride and the size they were exported for.

    Names alone may be anybody's.
    """
    if not {'stride', 'imgsz'} <= metadata.keys() and 'ultralytics' not in metadata.get('author', '').lower():
        return Facts(f'metadata of {path.name}', {'classes': metadata['names']})
    values: dict[str, Any] = {'classes': metadata['names'], 'channels': 'rgb', 'scale': '1/255', 'mean': 0, 'std': 1}
    if metadata.get('stride', '').isdigit():
        values['multiple'] = metadata['stride']
    return Facts(f"Ultralytics' metadata of {path.name}", values)


def _port(onnx: Any, value: Any) -> Port:
    tensor = value.type.tensor_type
    sides = tensor.shape.dim  # of any size are those without a value, or as Paddle's exporter writes them, -1
    shape = tuple(side.dim_value if side.HasField('dim_value') and side.dim_value > 0 else None for side in sides)
    return Port(value.name, shape, onnx.TensorProto.DataType.Name(tensor.elem_type))


def _external(onnx: Any, model: Any) -> Iterator[tuple[str, int]]:
    """Yield (location, where it ends) of every tensor that lies in another file, those in subgraphs too."""
    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            entries = {entry.key: entry.value for entry in tensor.external_data}
            numbers = [entries.get(name) or '0' for name in ('offset', 'length')]
            yield entries.get('location', ''), sum(int(number) for number in numbers if number.isdigit())


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        yield attribute.t
        yield from attribute.tensors
        for inner in (attribute.g, *attribute.graphs):
            yield from _tensors(inner)
