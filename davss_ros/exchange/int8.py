# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A network in whole numbers of 8 bits: calibrated on frames of a video, and what that lost on others of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.core.config import SegmenterConfig, keyed_every
from davss_ros.core.model import Model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.engines.engine_network import flattened
from davss_ros.errors import ConfigError, DataError
from davss_ros.networks.foreign.onnx_file import METADATA
from davss_ros.recordings.open import open_source

Inputs = list[NDArray[np.float32]]  # of one call
FEWEST = 4  # frames
INTERVAL = 5  # of key frames while inputs are collected


@dataclass(frozen=True)
class Quantised:
    """A quantised network.

    Attributes:
        model: NNCF's result, ONNX or OpenVINO's own.
        form: ``onnx`` or ``openvino``.
        summary: how many calls calibrated it, how many measured it, and what they showed, ready for JSON.
    """

    model: Any
    form: str
    summary: dict[str, Any]

    @property
    def description(self) -> str:
        """The summary in words."""
        s = self.summary
        return f'{s["measure"]} {s["value"]:.4g} on {s["measured"]} calls, calibrated on {s["calibrated"]} others'

    def save(self, out: Path, metadata: str) -> None:
        """Write the network with ``metadata``."""
        if self.form == 'onnx':
            import onnx

            onnx.helper.set_model_props(self.model, {METADATA: metadata})
            onnx.save(self.model, str(out))
        else:
            import openvino

            self.model.set_rt_info(metadata, [METADATA])
            openvino.save_model(self.model, str(out), compress_to_fp16=False)


def read_frames(source: Path, topic: str, count: int, size: tuple[int, int] = (0, 0)) -> list[NDArray[np.uint8]]:
    """Return frames of a recording, at most ``count`` from its start, brought to ``size``, (height, width), if any.

    Raises:
        DataError: they are fewer than `FEWEST`, or cannot be read.
    """
    frames = [frame.image for frame in islice(open_source(source, topic=topic), count)]
    if len(frames) < FEWEST:
        raise DataError(f'--frames {source}: expected {FEWEST} frames at least, found {len(frames)}')
    if not any(size):
        return frames
    return [
        cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False) for frame in frames
    ]


def collected(
    model: Model, config: SegmenterConfig, role: str, frames: Sequence[NDArray[np.uint8]], names: int
) -> list[Inputs]:
    """Return what the network of ``role`` is given, call by call, while the method works on ``frames``.

    Args:
        model: the networks.
        config: settings.
        role: ``key``, ``distortion`` or ``correction``.
        frames: consecutive ones.
        names: how many inputs count; a key network in the correction's place takes the image alone.
    """
    calls: list[Inputs] = []
    if role == 'distortion' and model.looks:
        role = 'gate'  # which has the distortion network inside, and takes what that takes first
    network: Callable[..., Tensor] = getattr(model, role)

    def listen(*inputs: Any) -> Tensor:
        calls.append([tensor.float().cpu().numpy().copy() for tensor in flattened(inputs)[:names]])
        return network(*inputs)

    mode = 'per_frame' if role == 'key' else 'davss'
    listening: Any = {role: listen}
    video = VideoSegmenter(keyed_every(config, INTERVAL, mode), model=replace(model, **listening))
    for frame in frames:
        video.step(frame)
    return calls


def quantise(
    path: Path,
    form: str,
    model: Model,
    config: SegmenterConfig,
    role: str,
    names: Sequence[str],
    frames: Sequence[NDArray[np.uint8]],
) -> Quantised:
    """Return the ONNX network at ``path`` in int8: calls on the first half of ``frames`` calibrate, the others tell.

    Args:
        path: the network in float32.
        form: ``onnx`` or ``openvino``.
        model: it belongs to.
        config: settings.
        role: it plays.
        names: of its inputs.
        frames: of a video.

    Raises:
        ConfigError: NNCF or OpenVINO is not installed.
        DataError: the network was not called on these frames.
    """
    try:
        import nncf
        import openvino
    except ImportError as error:
        raise ConfigError(f"--int8: {error.name} is not installed; pip install 'davss_ros[int8]'") from error
    half = len(frames) // 2
    calls = [collected(model, config, role, part, len(names)) for part in (frames[:half], frames[half:])]
    if not all(calls):
        raise DataError(f'--frames: {role} was not needed on some half of these frames; give more of them')
    data = nncf.Dataset(calls[0], lambda inputs: dict(zip(names, inputs, strict=True)))
    if form == 'onnx':
        import onnx

        source: Any = onnx.load(str(path))
    else:
        source = openvino.Core().read_model(path)
    try:
        quantised = nncf.quantize(source, data, subset_size=len(calls[0]), preset=nncf.QuantizationPreset.MIXED)
    except Exception as error:  # of NNCF and what it runs the network by
        raise ConfigError(f'--int8: NNCF cannot quantise {role}: {" ".join(str(error).split())[:200]}') from error
    core = openvino.Core()
    before = _caller(core, path)
    after = _caller(core, quantised.SerializeToString() if form == 'onnx' else quantised)
    value = float(np.mean([_agreement(role, before(call), after(call)) for call in calls[1]]))
    measure = 'mean difference of the map' if role == 'distortion' else 'share of labels that are the same'
    summary = {'calibrated': len(calls[0]), 'measured': len(calls[1]), 'measure': measure, 'value': round(value, 6)}
    return Quantised(quantised, form, summary)


def _agreement(role: str, before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    if role == 'distortion':
        return float(np.abs(before - after).mean())
    return float((before.argmax(1) == after.argmax(1)).mean())


def _caller(core: Any, source: Any) -> Callable[[Inputs], NDArray[np.float32]]:
    """Return OpenVINO's inference, in float32 but for what is quantised."""
    model = core.read_model(source) if isinstance(source, Path | bytes) else source
    settings = {'INFERENCE_PRECISION_HINT': 'f32', 'INFERENCE_NUM_THREADS': torch.get_num_threads()}
    compiled = core.compile_model(model, 'CPU', settings)
    return lambda inputs: np.array(compiled(inputs)[0])
