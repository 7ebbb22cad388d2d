# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What a frame costs: multiply-adds by count, and measured time, stage by stage."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from davss_ros.core.config import SegmenterConfig, keyed_every
from davss_ros.core.model import Model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.engines.engine_network import plain
from davss_ros.evaluate.contest import look_count, typical
from davss_ros.networks.again import KeyAgain, Mirrored, OneByOne
from davss_ros.networks.interface import FileNetwork
from davss_ros.networks.registry import ROLES

Frames = Sequence[NDArray[np.uint8]]
STAGES = {  # the networks that a frame between key frames passes through; the key network alone makes a key frame
    'per_frame': ('key',),
    'hold': (),
    'flow': ('flow',),
    'correct_all': ('flow', 'correction'),
    'davss': ('flow', 'distortion', 'correction', 'gate', 'window'),  # a gate has the distortion network inside
}
LOOK = 'correction'  # the network that, with a gate, looks at some frames only
BESIDE = ('gate', 'window')  # networks that a model may do without
TIMED = 20  # frames
TIMED_INTERVAL = 10


@dataclass(frozen=True)
class Cost:
    """What a mode costs.

    Attributes:
        key_ms: median ms of every stage of a key frame, and ``total`` as `typical` has it.
        other_ms: the same of the frames between; empty if there are none.
        key_gmacs: billions of multiply-adds in the networks, on a key frame.
        other_gmacs: the same on the frames between, of a look at the whole frame by how many have one with a key frame
            every `TIMED_INTERVAL`.
        look_gmacs: of that, a look alone.
        every: frames from look to look; 0: there is none.
    """

    key_ms: dict[str, float]
    other_ms: dict[str, float]
    key_gmacs: float
    other_gmacs: float
    look_gmacs: float = 0.0
    every: int = 0

    def mean(self, interval: int) -> tuple[float, float]:
        """Return ms and billions of multiply-adds a frame, with a key frame every ``interval`` frames."""
        others = interval - 1
        more = look_count(others, self.every) - others * timed_looks(self.every) if self.every else 0.0
        ms = self.key_ms['total'] + others * self.other_ms.get('total', self.key_ms['total'])
        ms += more * self.other_ms.get('look', 0.0)
        return ms / interval, (self.key_gmacs + others * self.other_gmacs + more * self.look_gmacs) / interval


def costs(frames: Frames, model: Model, config: SegmenterConfig, modes: Sequence[str]) -> dict[str, Cost]:
    """Return what every mode, and ``per_frame``, costs on ``frames``; `TIMED` are enough."""
    every = [*dict.fromkeys(['per_frame', *modes])]
    configs = [keyed_every(config, TIMED_INTERVAL, mode) for mode in every]
    counts = multiply_adds(frames[0], model, config)
    everywhere = multiply_adds(frames[0], model, config, 'correct_all') if 'correct_all' in modes else {}
    found = {}
    for mode, times in zip(every, stage_times(frames, configs, model), strict=True):
        operations = everywhere if mode == 'correct_all' else counts
        other = sum(operations.get(stage, 0) for stage in STAGES[mode])
        look, interval = 0, 0
        if mode == 'davss' and model.gate is not None:
            look, interval = operations.get(LOOK, 0), model.correction_interval
            other -= round(look * (1 - timed_looks(interval)))
        found[mode] = Cost(times['key'], times['other'], counts['key'] / 1e9, other / 1e9, look / 1e9, interval)
    return found


def timed_looks(every: int) -> float:
    """Return the share of the frames between key frames with a look, of those that are timed."""
    return look_count(TIMED_INTERVAL - 1, every) / (TIMED_INTERVAL - 1)


def stage_times(frames: Frames, configs: Sequence[SegmenterConfig], model: Model) -> list[dict[str, dict[str, float]]]:
    """Return, for each of ``configs``, the median ms of every stage on ``key`` frames and on ``other`` ones.

    Their ``total`` is the mean, as `typical` has it.

    Every frame goes through all of them in turn, so that whatever else the machine does falls on all alike.
    """
    segmenters = [VideoSegmenter(config, model=model) for config in configs]
    for segmenter in segmenters:
        segmenter.warm_up((frames[0].shape[0], frames[0].shape[1]))
    times: list[dict[str, dict[str, list[float]]]] = [{'key': {}, 'other': {}} for _ in configs]
    for frame in frames:
        for segmenter, kinds in zip(segmenters, times, strict=True):
            result = segmenter.step(frame)
            for stage, value in result.timings.items():
                kinds['key' if result.is_key else 'other'].setdefault(stage, []).append(value)
    return [{kind: _medians(stages) for kind, stages in kinds.items()} for kinds in times]


def multiply_adds(
    frame: NDArray[np.uint8], model: Model, config: SegmenterConfig, mode: str = 'davss'
) -> dict[str, int]:
    """Return the multiply-adds of every network that ``mode`` needs on a frame like ``frame``, by role.

    In windows the correction has all that it may have, as the distortion is taken to be largest.

    Counted by torch: half its floating-point operations, of convolutions and matrix products. Resampling, activations
    and the choice of labels are not counted, nor is a flow that is no network: DIS has 0, or all but 0, as its
    conversion to grey is a matrix product.
    """
    counts: dict[str, int] = {}
    roles = [role for role in (*ROLES, *BESIDE) if getattr(model, role) is not None]
    plain_networks = {role: _countable(getattr(model, role)) for role in roles}

    def counted(role: str) -> Any:
        def call(*inputs: Any) -> Tensor:
            with FlopCounterMode(display=False) as counter:
                result: Tensor = plain_networks[role](*inputs)
            counts[role] = counter.get_total_flops() // 2
            return result

        return call

    counters: dict[str, Any] = {role: counted(role) for role in roles}
    for role in {'distortion', 'gate'} & counters.keys():  # everything is wrong, as far as they can tell
        counters[role] = _all_ones(counters[role])
    watched = replace(model, **counters)
    segmenter = VideoSegmenter(keyed_every(config, 2, mode), model=watched)
    for _ in range(2):
        segmenter.step(frame)
    return counts


def _medians(stages: dict[str, list[float]]) -> dict[str, float]:
    medians = {stage: float(np.median(values)) for stage, values in stages.items()}
    return {**medians, 'total': typical(stages)} if stages else {}


def _countable(network: Any) -> Any:
    """Return the torch network behind one that another engine computes, which torch cannot count.

    What is a file is left to its engine, and counts as nothing.
    """
    inner = plain_network = plain(network)
    while isinstance(inner, KeyAgain | Mirrored | OneByOne):
        inner = inner.key
    return network if isinstance(inner, FileNetwork) else plain_network


def _all_ones(network: Any) -> Any:
    return lambda *inputs: torch.ones_like(network(*inputs))
