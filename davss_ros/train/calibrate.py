# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``calibrate``: how sure a model's labels really are, fitted on labelled stills set in motion.

The stills are made into short videos, key frame and frames after it, whose labels are known. On a share of their pixels
the four numbers of `davss_ros.core.confidence` are fitted by logistic regression: is this label right, given what the
scores and the distortion map say? They are written beside the weights, and hold for those weights alone.

A model is surer of stills that it was trained on than of others. Where there is one whose key network was trained
without a drive (`train --leave-out DRIVE`), let --measured name it and --drive that drive.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from davss_ros.command_line import guarded
from davss_ros.core.classes import VOID
from davss_ros.core.confidence import SOFTMAX, Coefficients, confidence_path, softmax_log_odds, write_coefficients
from davss_ros.core.config import SegmenterConfig, keyed_every
from davss_ros.core.frames import map_at_frame_size
from davss_ros.core.model import load_model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.datasets.drives import split_drive
from davss_ros.engines.allocator import keep_freed_memory
from davss_ros.errors import DataError
from davss_ros.networks.weights import locate
from davss_ros.recordings.arguments import make_folder, not_negative, positive
from davss_ros.train.choosing.sets import ChoosingSet, moved_stills
from davss_ros.train.material.clips import Clip
from davss_ros.train.material.labelled import open_labelled

PIXELS = 400  # of each frame
RIDGE = 1e-6  # of the regression, relative to the number of pixels: keeps a class of pixels that is always right finite
STEPS = 50


def observations(
    clips: ChoosingSet,
    config: SegmenterConfig,
    seed: int = 0,
    progress: Callable[[Sequence[Clip]], Iterable[Clip]] = iter,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return log-odds of softmax, distortion and whether the label is right, (n,) each, of pixels drawn at random."""
    longest = max(len(clip.images) for clip in clips.clips)
    video = VideoSegmenter(keyed_every(config, longest + 1, config.mode), model=clips.model)
    rng = np.random.default_rng(seed)
    odds, distortions, right = [], [], []
    for clip in progress(clips.clips):
        video.reset()
        for image, true in zip(clip.images, clip.labels, strict=True):
            result = video.step(image)
            assert result.evidence is not None and true is not None  # stills are labelled
            quarter = softmax_log_odds(result.evidence.scores).cpu().numpy()
            ys, xs = (rng.integers(0, side, PIXELS) for side in true.shape)
            ys, xs = ys[true[ys, xs] != VOID], xs[true[ys, xs] != VOID]
            odds.append(map_at_frame_size(quarter, true.shape, config.working_height)[ys, xs])
            distortions.append(result.distortion[ys, xs])
            right.append((result.labels == true)[ys, xs])
    return np.concatenate(odds).astype(float), np.concatenate(distortions).astype(float), np.concatenate(right)


def fit(
    odds: NDArray[np.float64], distortion: NDArray[np.float64], right: NDArray[np.bool_]
) -> tuple[Coefficients, float]:
    """Return the coefficients of the most probable calibration, by Newton's method, and its mean log-loss, nats.

    Args:
        odds: log-odds of softmax (n,).
        distortion: (n,) in [0, 1].
        right: whether the label is (n,).
    """
    x = np.stack([np.ones_like(odds), odds, distortion, distortion * odds], 1)
    w = np.zeros(4)
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-x @ w))
        gradient = x.T @ (right - p) / len(x) - RIDGE * w
        curvature = (x * (p * (1 - p))[:, None]).T @ x / len(x) + RIDGE * np.eye(4)
        step = np.linalg.solve(curvature, gradient)
        w += step
        if np.abs(step).max() < 1e-8:
            break
    coefficients = float(w[0]), float(w[1]), float(w[2]), float(w[3])
    return coefficients, log_loss(coefficients, odds, distortion, right)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, write and print; return the exit status."""
    parser = argparse.ArgumentParser('calibrate', description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--data', type=Path, required=True, help='labelled stills: images/ and labels/, or CamVid')
    parser.add_argument('--weights', default=SegmenterConfig.weights, help='the model that the calibration is for')
    parser.add_argument('--measured', default='', help='the model to measure; default: the same')
    parser.add_argument('--drive', default='', help='use the stills whose names begin so')
    parser.add_argument('--every', type=positive, default=4, help='use every n-th still; default: 4')
    parser.add_argument('--longest', type=positive, default=9, help='distance from the key frame; default: 9')
    parser.add_argument('--seed', type=not_negative, default=0, help='of the synthetic motion')
    parser.add_argument('--out', type=Path, help='file to write; default: beside the weights')
    options = parser.parse_args(arguments)
    return guarded('calibrate', lambda: _calibrate(options))


def _calibrate(options: argparse.Namespace) -> int:
    keep_freed_memory()
    out = options.out or confidence_path(locate(options.weights.split(',')[0])[0])
    make_folder(out.parent)
    config = SegmenterConfig(weights=options.measured or options.weights)
    model = load_model(config)
    checksum = load_model(SegmenterConfig(weights=options.weights)).checksum if options.measured else model.checksum
    dataset = open_labelled(options.data, model.classes, '', 'train')
    stills = split_drive(dataset.stills, options.drive)[0] if options.drive else dataset.stills
    clips = moved_stills(options.data.name, stills[:: options.every], model, options.longest, options.seed)
    found = observations(clips, config, options.seed, partial(tqdm, unit='clip'))
    if not found[0].size:
        raise DataError(f'{options.data}: expected labelled pixels, found void alone')
    coefficients, loss = fit(*found)
    note = f'{options.drive or options.data.name}: {len(clips.clips)} stills in motion by {config.weights}'
    write_coefficients(out, coefficients, checksum, note)
    print(f'{out}: {note}, {len(found[0])} pixels, log-loss {loss:.4f} ({log_loss(SOFTMAX, *found):.4f} by softmax)')
    return 0


def log_loss(
    coefficients: Coefficients,
    odds: NDArray[np.float64],
    distortion: NDArray[np.float64],
    right: NDArray[np.bool_],
) -> float:
    """Return the mean log-loss, nats, of a calibration on pixels as `fit` takes them."""
    a, b, c, d = coefficients
    logit = a + b * odds + c * distortion + d * distortion * odds
    return float(np.logaddexp(0, np.where(right, -logit, logit)).mean())


if __name__ == '__main__':
    sys.exit(main())
