# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A network computed by the framework that it is from, to compare with."""

from typing import Any

import torch
from torch import Tensor

from davss_ros.networks.foreign.adapter import ForeignFile, ForeignKey
from davss_ros.networks.foreign.load import Foreign


def original_scores(foreign: Foreign, image: Tensor) -> tuple[str, Tensor] | str:
    """Return the framework's name and version, and the scores (1, C, h, w); or why there are none.

    Args:
        foreign: the network.
        image: (1, 3, H, W) RGB in [0, 1].
    """
    network: Any = foreign.network
    with torch.inference_mode():
        if isinstance(network, ForeignKey):
            name = 'torch'
            if foreign.source.kind == 'hf':
                import transformers

                name = f'transformers {transformers.__version__}'
            return f'{name}, float32', network.cpu()(image.cpu())
        assert isinstance(network, ForeignFile)
        if foreign.source.kind == 'openvino':
            return "OpenVINO's own form: there is no other framework"
        try:
            import onnxruntime
        except ImportError:
            return 'onnxruntime is not installed'
        session = onnxruntime.InferenceSession(str(network.file), providers=['CPUExecutionProvider'])
        inputs = [tensor.cpu().numpy() for tensor in network.before(image.cpu())]
        outputs = session.run(None, {session.get_inputs()[0].name: inputs[0]})
        scores = network.after(*(torch.from_numpy(output) for output in outputs))
        return f'onnxruntime {onnxruntime.__version__} itself, float32', scores
