# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""How sure a label is: the probability that it is right, from the scores that it comes from and the distortion map.

A network's softmax is mostly too sure of itself, and knows nothing of the flow that carried the scores. So the odds of
the best class, softmax's own at first, are corrected by four numbers (Platt scaling with the distortion as a second
variable, after Platt 1999 and Guo et al. 2017):

    log-odds = a + b log-odds of softmax + c distortion + d distortion log-odds of softmax

`davss_ros.train.calibrate` fits them; they lie beside the weights in ``NAME.confidence.json`` and hold for those alone.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.errors import WeightsError

Coefficients = tuple[float, float, float, float]

SOFTMAX: Coefficients = (0.0, 1.0, 0.0, 0.0)  # what is believed without a calibration
LARGEST = 12.0  # of log-odds either way; bfloat16 tells no larger ones apart


@dataclass(frozen=True)
class Evidence:
    """What a frame's confidence is computed from, when somebody asks.

    Attributes:
        scores: that the labels come from, at 1/4 size (C, h, w).
        distortion: of what was propagated (h, w) in [0, 1]; 0 on key frames.
        coefficients: of the model's calibration.
    """

    scores: Tensor
    distortion: Tensor
    coefficients: Coefficients

    def confidence(self) -> NDArray[np.float32]:
        """Return the confidence at 1/4 size: (h, w) float32 in [0, 1]."""
        a, b, c, d = self.coefficients
        odds, distortion = softmax_log_odds(self.scores), self.distortion.float()
        return torch.sigmoid(a + b * odds + c * distortion + d * distortion * odds).cpu().numpy()


def softmax_log_odds(scores: Tensor) -> Tensor:
    """Return log p / (1 - p) of the best class's softmax p: (h, w) float32, within `LARGEST` either way."""
    scores = scores.float()
    best, label = scores.max(0)
    others = scores.scatter(0, label[None], -torch.inf).logsumexp(0)
    return (best - others).clamp(-LARGEST, LARGEST)


def confidence_path(weights: Path | str) -> Path:
    """Return where the calibration of a weights file lies: beside it."""
    return Path(weights).with_suffix('.confidence.json')


def write_coefficients(path: Path, coefficients: Coefficients, checksum: str, note: str) -> None:
    """Write the calibration of the weights of that ``checksum``; the ``note`` says what it was fitted on."""
    content = {'checksum': checksum, 'coefficients': [round(value, 5) for value in coefficients], 'fitted_on': note}
    path.write_text(json.dumps(content, indent=1) + '\n')


def read_coefficients(files: Sequence[Path | str], checksum: str) -> Coefficients | None:
    """Return the calibration beside one of the weights ``files``; None if none is for weights of that ``checksum``.

    Raises:
        WeightsError: a calibration is damaged.
    """
    for path in filter(Path.is_file, map(confidence_path, files)):
        try:
            content = json.loads(path.read_text())
            values = tuple(map(float, content['coefficients']))
            fits = content['checksum'] == checksum
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WeightsError(
                f'{path}: damaged or no calibration of a confidence; delete it or fit it anew'
            ) from error
        if fits and len(values) == len(SOFTMAX) and bool(np.isfinite(values).all()):
            return values  # type: ignore[return-value]  # its length was looked at
    return None
