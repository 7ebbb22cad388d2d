# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Networks computed by OpenVINO: on a CPU faster than torch, the windows about twice (`benchmark` tells).

Compiled networks are kept on disk, see `davss_ros.engines.cache`: making one takes seconds, reading it a fraction.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from davss_ros.engines.cache import Cache, fingerprint
from davss_ros.engines.engine import Compiled, Source, needs_float32
from davss_ros.engines.threads import thread_count, threads_in_words
from davss_ros.engines.tracing import is_channels_last, traced
from davss_ros.errors import EngineError

HINTS = {torch.float32: ('f32',), torch.bfloat16: ('bf16', 'f16'), torch.float16: ('f16', 'bf16')}  # and what is near
ANY = -1  # number of images
CAPABILITIES = {'f32': 'FP32', 'bf16': 'BF16', 'f16': 'FP16'}


class OpenVinoEngine:
    """Computes networks by OpenVINO.

    Args:
        device: ``CPU``, ``GPU``, ``GPU.1``, ``NPU``.
        precision: in which arithmetic; where the device has no such, the other half precision, or float32.
        cache: where compiled networks are kept.

    Raises:
        EngineError: OpenVINO is not installed, or sees no such device.
    """

    def __init__(self, device: str, precision: torch.dtype, cache: Cache) -> None:
        try:
            import openvino
        except ImportError as error:
            raise EngineError('openvino is not installed; run `pip install openvino`') from error
        self._openvino: Any = openvino
        self._core = openvino.Core()
        devices = self._core.available_devices
        if device not in devices:
            raise EngineError(f'openvino: expected one of the devices {", ".join(devices)}, found {device!r}')
        self._device, self._cache = device, cache
        capabilities = self._core.get_property(device, 'OPTIMIZATION_CAPABILITIES')
        self._hint = next((hint for hint in HINTS[precision] if CAPABILITIES[hint] in capabilities), 'f32')

    @property
    def name(self) -> str:
        """See `davss_ros.engines.engine.Engine`."""
        return 'openvino' if self._device == 'CPU' else f'openvino:{self._device}'

    @property
    def description(self) -> str:
        """See `davss_ros.engines.engine.Engine`."""
        version = self._openvino.__version__.partition('-')[0]
        threads = f' ({threads_in_words()})' if self._device == 'CPU' else ''
        return f'openvino {version} on {self._device}{threads}, {self._hint}'

    @property
    def on_cpu(self) -> bool:
        """See `davss_ros.engines.engine.Engine`."""
        return self._device == 'CPU'

    def compile(self, source: Source, inputs: Sequence[Tensor]) -> Compiled:
        """See `davss_ros.engines.engine.Engine`.

        It is compiled for as many tensors as there are now: small networks are a sixth faster so. For other numbers it
        is compiled once more, when they come.
        """
        last = [is_channels_last(tensor) and not isinstance(source, Path) for tensor in inputs]
        tensor, count = self._openvino.Tensor, inputs[0].shape[0]
        call = _Call(tensor, self._compiled(source, inputs, last, count), last)
        if isinstance(source, Path):
            return call
        examples = [value.new_empty(0, *value.shape[1:]) for value in inputs]  # nothing but their shapes
        return _AnyNumber(count, call, lambda: _Call(tensor, self._compiled(source, examples, last, ANY), last))

    def _compiled(self, source: Source, inputs: Sequence[Tensor], last: Sequence[bool], count: int) -> Any:
        """Return the network compiled for ``count`` images, or for any number of them, and keep it on disk."""
        shapes = [(count, *tensor.shape[1:]) for tensor in inputs]
        key = fingerprint(source, self.description, [(shape, list(last)) for shape in shapes])
        settings = self._settings() | ({'INFERENCE_PRECISION_HINT': 'f32'} if needs_float32(source) else {})
        compiled = self._cache.read(key, lambda kept: self._core.import_model(kept, self._device, settings))
        if compiled is None:
            compiled = self._core.compile_model(self._converted(source, inputs, last, count), self._device, settings)
            self._cache.write(key, lambda: compiled.export_model().getvalue())
        return compiled

    def _in_float32(self, model: Any) -> Any:
        """Return ``model`` taking and giving float32, whatever it takes and gives."""
        ports = self._openvino.preprocess.PrePostProcessor(model)
        for i in range(len(model.inputs)):
            ports.input(i).tensor().set_element_type(self._openvino.Type.f32)
        for i in range(len(model.outputs)):
            ports.output(i).tensor().set_element_type(self._openvino.Type.f32)
        return ports.build()

    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {
            'INFERENCE_PRECISION_HINT': self._hint,
            'PERFORMANCE_HINT': 'LATENCY',
            'NUM_STREAMS': '1',
        }
        if self._device == 'CPU':  # pinned threads of several processes would meet on the same cores
            settings |= {'INFERENCE_NUM_THREADS': thread_count(), 'ENABLE_CPU_PINNING': False}
        return settings

    def _converted(self, source: Source, inputs: Sequence[Tensor], last: Sequence[bool], count: int) -> Any:
        """Return the network as OpenVINO's own, which takes images channels last if they come so."""
        if isinstance(source, Path):
            model = self._core.read_model(source)
            model.reshape({i: list(tensor.shape) for i, tensor in enumerate(inputs)})
            return self._in_float32(model)
        shapes = [self._openvino.PartialShape([count, *tensor.shape[1:]]) for tensor in inputs]
        model = self._openvino.convert_model(traced(source, inputs), input=shapes)
        layouts = self._openvino.preprocess.PrePostProcessor(model)
        for i, channels_last in enumerate(last):
            if channels_last:
                layouts.input(i).tensor().set_layout(self._openvino.Layout('NHWC'))
                layouts.input(i).model().set_layout(self._openvino.Layout('NCHW'))
        return layouts.build()


class _AnyNumber:
    """Calls a network for one number of images, and what is made of it by the first other one for all others."""

    def __init__(self, count: int, call: Compiled, make: Callable[[], Compiled]) -> None:
        self._count, self._call, self._make = count, call, make
        self._other: Compiled | None = None

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        if tensors[0].shape[0] == self._count:
            return self._call(*tensors)
        if self._other is None:
            self._other = self._make()
        return self._other(*tensors)


class _Call:
    """Runs a compiled network on torch's own memory."""

    def __init__(self, tensor: Any, compiled: Any, channels_last: Sequence[bool]) -> None:
        self._tensor = tensor
        self._request = compiled.create_infer_request()
        self._channels_last = channels_last
        self._shapes = [port.partial_shape for port in compiled.outputs]

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        device, count = tensors[0].device, tensors[0].shape[0]
        for i, (tensor, last) in enumerate(zip(tensors, self._channels_last, strict=True)):
            array = (tensor.permute(0, 2, 3, 1) if last else tensor).float().cpu().contiguous().numpy()
            self._request.set_input_tensor(i, self._tensor(array, shared_memory=True))
        outputs = [torch.empty(_sizes(shape, count)) for shape in self._shapes]
        for i, output in enumerate(outputs):
            self._request.set_output_tensor(i, self._tensor(output.numpy(), shared_memory=True))
        self._request.infer()
        return tuple(output.to(device) for output in outputs)


def _sizes(shape: Any, count: int) -> list[int]:
    """Return the sizes of an output of ``count`` images; `EngineError` if more depends on the input than that."""
    sizes = [dimension.get_length() if dimension.is_static else 0 for dimension in shape]
    if 0 in sizes[1:]:
        raise EngineError(f'openvino: expected an output whose size is fixed, found {shape}')
    return [sizes[0] or count, *sizes[1:]]
