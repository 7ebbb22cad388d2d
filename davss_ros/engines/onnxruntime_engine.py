# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Networks computed by ONNX Runtime, by the first of its providers that is there: TensorRT, CUDA, CPU."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from davss_ros.engines.cache import Cache, fingerprint
from davss_ros.engines.engine import Compiled, Source
from davss_ros.engines.threads import thread_count, threads_in_words
from davss_ros.engines.tracing import zeros_like
from davss_ros.errors import EngineError

PROVIDERS = {'TensorRT': 'TensorrtExecutionProvider', 'CUDA': 'CUDAExecutionProvider', 'CPU': 'CPUExecutionProvider'}
OPSET = 18  # of ONNX
TYPES = {  # of inputs that are not float32
    'tensor(float16)': torch.float16,
    'tensor(uint8)': torch.uint8,
    'tensor(int64)': torch.int64,
}


class OnnxRuntimeEngine:
    """Computes networks by ONNX Runtime, in float32; TensorRT in half precision if asked for.

    Args:
        provider: a key of `PROVIDERS`; empty: the first one that is there.
        precision: in which arithmetic.
        cache: where networks in ONNX are kept.

    Raises:
        EngineError: ONNX Runtime is not installed, or has no such provider.
    """

    def __init__(self, provider: str, precision: torch.dtype, cache: Cache) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise EngineError('onnxruntime is not installed; run `pip install onnxruntime`') from error
        self._onnxruntime: Any = onnxruntime
        providers = onnxruntime.get_available_providers()
        available = [name for name, full in PROVIDERS.items() if full in providers]
        if provider and provider not in available:
            raise EngineError(f'onnxruntime: expected one of the providers {", ".join(available)}, found {provider!r}')
        self._asked = provider
        self._provider = provider or available[0]
        self._half = self._provider == 'TensorRT' and precision != torch.float32
        self._cache = cache

    @property
    def name(self) -> str:
        """See `davss_ros.engines.engine.Engine`."""
        return f'onnxruntime:{self._asked}' if self._asked else 'onnxruntime'

    @property
    def description(self) -> str:
        """See `davss_ros.engines.engine.Engine`."""
        threads = f' ({threads_in_words()})' if self._provider == 'CPU' else ''
        precision = 'float16' if self._half else 'float32'
        return f'onnxruntime {self._onnxruntime.__version__} on {self._provider}{threads}, {precision}'

    @property
    def on_cpu(self) -> bool:
        """See `davss_ros.engines.engine.Engine`."""
        return self._provider == 'CPU'

    def compile(self, source: Source, inputs: Sequence[Tensor]) -> Compiled:
        """See `davss_ros.engines.engine.Engine`."""
        if isinstance(source, Path):
            return _Call(self._session(str(source)))
        key = fingerprint(source, self.description, [tuple(tensor.shape[1:]) for tensor in inputs])
        session = self._cache.read(key, self._session)
        if session is None:
            content = to_onnx(source, inputs)
            session = self._session(content)
            self._cache.write(key, lambda: content)
        return _Call(session, _names(len(inputs)))

    def _session(self, model: bytes | str) -> Any:
        options = self._onnxruntime.SessionOptions()
        options.intra_op_num_threads = thread_count()
        options.inter_op_num_threads = 1
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')  # cores are shared
        options.log_severity_level = 3
        providers: list[Any] = [PROVIDERS[self._provider], PROVIDERS['CPU']]
        if self._provider == 'TensorRT':
            providers = [(PROVIDERS['TensorRT'], {'trt_fp16_enable': self._half}), PROVIDERS['CUDA'], PROVIDERS['CPU']]
        if self._provider == 'CPU':
            providers = [PROVIDERS['CPU']]
        try:
            return self._onnxruntime.InferenceSession(model, options, providers=providers)
        except Exception as error:  # its errors have no common class
            raise EngineError(f'onnxruntime: {error}') from error


class _Call:
    """Runs a session on torch's own memory.

    Args:
        session: of ONNX Runtime.
        names: of all inputs in their order, of which those that the network does not look at are not in the session;
            none: those of the session.
    """

    def __init__(self, session: Any, names: Sequence[str] = ()) -> None:
        self._session = session
        self._inputs = {port.name: TYPES.get(port.type, torch.float32) for port in session.get_inputs()}
        self._names = names or list(self._inputs)

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        arrays = {
            name: tensor.to('cpu', self._inputs[name]).contiguous().numpy()
            for name, tensor in zip(self._names, tensors, strict=True)
            if name in self._inputs
        }
        outputs = self._session.run(None, arrays)
        return tuple(torch.from_numpy(output).to(tensors[0].device) for output in outputs)


def to_onnx(network: nn.Module, inputs: Sequence[Tensor]) -> bytes:
    """Return ``network`` in ONNX, for any number (axis 0) of inputs of these shapes."""
    names = _names(len(inputs))
    file = io.BytesIO()
    with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of sizes that become constants, as is wanted, and of the exporter's age
        torch.onnx.export(
            network,
            zeros_like(inputs),
            file,  # type: ignore[arg-type]  # which the exporter that is used takes
            dynamo=False,  # the other exporter takes five times as long, and two packages more
            opset_version=OPSET,
            input_names=names,
            output_names=['output'],
            dynamic_axes={name: {0: 'count'} for name in [*names, 'output']},
        )
    return file.getvalue()


def _names(count: int) -> list[str]:
    """Return how the inputs of a network of ours are called in ONNX."""
    return [f'input{i}' for i in range(count)]
