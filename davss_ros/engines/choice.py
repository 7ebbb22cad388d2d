# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Choosing the engine that computes a network: one that agrees with torch, and the fastest of those.

That is tried out on the first input of a size, which is why whoever is in a hurry later warms up on frames like those
to come. What was found is kept on disk.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from davss_ros.engines.cache import Cache, default_folder, fingerprint
from davss_ros.engines.engine import Compiled, Engine, Source
from davss_ros.engines.registry import AUTO, ENGINES, check_engine, make_engine
from davss_ros.engines.torch_engine import TorchEngine
from davss_ros.errors import ConfigError, EngineError

log = logging.getLogger(__name__)

AGREEMENT = 0.995  # share of the pixels on which an engine must agree with torch in float32
DOUBT = 0.99  # quantile of what torch's scores lose in the precision asked for; twice that may toss two labels
FILE_DOUBT = 0.5  # the same of files, which torch cannot read: of the scores' standard deviation, as with our networks
NEAR = 0.05  # maps that are no scores agree where they differ by no more: probabilities, flow in 1/4-size pixels
SCORES = ('key', 'correction', 'window')  # roles whose output is scores
FEWEST, MOST, ENOUGH = 4, 30, 1.0  # rounds of the timing, and the seconds after which they end between those
SAMPLE = 2**20  # values that a quantile is taken of
VARIABLE = 'DAVSS_ENGINE'  # names what ``auto`` stands for, as on machines where nothing is to be tried out

Finish = Callable[[tuple[Tensor, ...]], Tensor]  # outputs of what was compiled -> what the network gives


@dataclass
class Engines:
    """What may compute the networks of a model.

    Attributes:
        candidates: the best guess first; torch among them.
        reference: of modules, in float32.
        cache: where choices are kept.
        timed: the fastest is wanted, not the first that agrees.
        rounds: the precision asked for is not float32.
    """

    candidates: Sequence[Engine]
    reference: TorchEngine
    cache: Cache
    timed: bool
    rounds: bool = False

    def of(self, source: Source) -> list[Engine]:
        """Return the engines for a network; torch, or of a file the last one, is that which is left if others fail."""
        files = isinstance(source, Path)
        return [engine for engine in self.candidates if not (files and isinstance(engine, TorchEngine))]


@dataclass
class Choice:
    """An engine with a network that it compiled."""

    engine: Engine
    compiled: Compiled


def choose_engines(name: str, device: torch.device, precision: torch.dtype) -> Engines:
    """Return what ``name`` stands for; ``auto`` for all engines that are installed, but on CUDA for torch alone.

    Raises:
        ConfigError: no engine of that name.
    """
    if name == AUTO:
        name = os.environ.get(VARIABLE, AUTO)
    check_engine(name)
    cache = Cache(default_folder())
    names = [name] if name != AUTO else [kind for kind in ENGINES if device.type == 'cpu']
    found: list[Engine] = []
    for kind in names:
        if kind == TorchEngine.name:
            continue
        try:
            found.append(make_engine(kind, device, precision, cache))
        except EngineError as error:
            log.log(logging.DEBUG if name == AUTO else logging.WARNING, 'engine: %s; torch computes', error)
    found.append(TorchEngine(device, precision))
    return Engines(found, TorchEngine(device, torch.float32), cache, name == AUTO, precision != torch.float32)


def choose_file_engines(name: str, device: torch.device, precision: torch.dtype, file: Path) -> Engines:
    """Return what may compute a network that is an ONNX file or OpenVINO's own.

    Raises:
        ConfigError: no engine of that name, or none that reads such files.
    """
    check_engine(name)
    readers = ['openvino', 'onnxruntime'] if device.type == 'cpu' else ['onnxruntime', 'openvino']
    if file.suffix.lower() == '.xml':
        readers = ['openvino']
    if name == TorchEngine.name:
        raise ConfigError(f'engine: torch does not read {file}; set engine to auto or {" or ".join(readers)}')
    names = readers if name == AUTO else [name, *(reader for reader in readers if reader != name.partition(':')[0])]
    cache = Cache(default_folder())
    found: list[Engine] = []
    reasons = []
    for kind in names:
        try:
            found.append(make_engine(kind, device, precision, cache))
        except EngineError as error:
            reasons.append(str(error))
    if not found:
        raise ConfigError(f'engine: expected {" or ".join(readers)}, which read {file}: {"; ".join(reasons)}')
    if reasons and name not in (AUTO, found[0].name):
        log.warning('engine: %s; %s computes', reasons[0], found[0].name)
    return Engines(found, TorchEngine(device, torch.float32), cache, name == AUTO, precision != torch.float32)


def choose(
    engines: Engines, among: Sequence[Engine], source: Source, tensors: Sequence[Tensor], role: str, finish: Finish
) -> Choice:
    """Return the engine that computes ``source`` for inputs of these sizes from now on.

    Args:
        engines: how to choose.
        among: which of its candidates are left; the last one is taken if no other will do.
        source: the network.
        tensors: one input, such as will come.
        role: of the network.
        finish: of its outputs.

    Raises:
        EngineError: not even the last one can compute it.
    """
    if len(among) == 1:
        return Choice(among[0], among[0].compile(source, tensors))
    start = time.perf_counter()
    key = _key(among, source, tensors, role)
    by_name = {engine.name: engine for engine in among}
    before = engines.cache.read(key, json.loads)
    if isinstance(before, dict) and before.get('engine') in by_name:
        engine = by_name[before['engine']]
        try:
            choice = Choice(engine, engine.compile(source, tensors))
        except Exception as error:  # of a library; what worked before may be found again
            log.warning('%s: %s fails (%s); chosen anew', role, engine.name, reason(error))
        else:
            log.info('%s: %s, as chosen before; ready after %.1f s', role, engine.description, _since(start))
            return choice
    choice, milliseconds = _tried(engines, among, source, tensors, role, finish)
    engines.cache.write(key, lambda: json.dumps({'engine': choice.engine.name, 'ms': milliseconds}).encode())
    times = ', '.join(f'{name} {value:.1f} ms' for name, value in milliseconds.items())
    words = f'{role}: {choice.engine.description}{f" ({times})" if times else ""}; chosen in {_since(start):.1f} s'
    log.info(words)
    return choice


def agreement(expected: Tensor, found: Tensor, role: str, doubt: float = 0.0) -> float:
    """Return the share of pixels whose label, or of other maps than scores value, is the same: 0 to 1.

    A label is the same, too, if its expected score is within ``doubt`` of the best one.
    """
    if found.shape != expected.shape or not bool(torch.isfinite(found).all()):
        return 0.0
    if role in SCORES:
        behind = expected.amax(1) - expected.gather(1, found.argmax(1, keepdim=True))[:, 0]
        same = behind <= doubt
    else:
        same = (expected - found).abs() <= NEAR
    return float(same.double().mean())


def reason(error: Exception) -> str:
    """Return what went wrong, in a part of a line."""
    text = str(error) if isinstance(error, EngineError) else f'{type(error).__name__}: {error}'
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:300]


def _tried(
    engines: Engines, among: Sequence[Engine], source: Source, tensors: Sequence[Tensor], role: str, finish: Finish
) -> tuple[Choice, Mapping[str, float]]:
    """Return the choice, and the milliseconds of those that agree, if they were taken."""
    among, last = _last(among, source, tensors, role)
    result = finish(last.compiled(*tensors))
    if isinstance(source, Path):
        reference, doubt = result, FILE_DOUBT * float(result.float().std()) if engines.rounds else 0.0
    else:
        reference = finish(engines.reference.compile(source, tensors)(*tensors))
        doubt = 2 * float(torch.quantile((result - reference).abs().flatten()[:SAMPLE].float(), DOUBT))
    fitting: list[Choice] = []
    for engine in among[:-1]:
        try:
            compiled = engine.compile(source, tensors)
            share = agreement(reference, finish(compiled(*tensors)), role, doubt)
        except Exception as error:  # whatever a library throws
            log.warning('%s: %s fails (%s)', role, engine.name, reason(error))
            continue
        if share >= AGREEMENT:
            fitting.append(Choice(engine, compiled))
        else:
            found = f'{100 * share:.2f} % of the pixels, expected {100 * AGREEMENT:g} %'
            log.warning('%s: %s agrees with %s on %s; not taken', role, engine.name, last.engine.name, found)
    fitting.append(last)
    if not engines.timed or len(fitting) == 1:
        return fitting[0], {}
    times = _times(fitting, tensors)
    return fitting[times.index(min(times))], {
        choice.engine.name: round(value, 2) for choice, value in zip(fitting, times, strict=True)
    }


def _last(
    among: Sequence[Engine], source: Source, tensors: Sequence[Tensor], role: str
) -> tuple[Sequence[Engine], Choice]:
    """Return the engines up to the last one that compiles the network, with which the others must agree."""
    while True:
        try:
            return among, Choice(among[-1], among[-1].compile(source, tensors))
        except Exception as error:  # whatever a library throws
            if len(among) == 1:
                raise
            log.warning('%s: %s fails (%s)', role, among[-1].name, reason(error))
            among = among[:-1]


def _times(choices: Sequence[Choice], tensors: Sequence[Tensor]) -> list[float]:
    """Return the median ms of each, taken in turn, so that what else the machine does falls on all alike.

    Engines that all compute on the CPU are measured by the time that its cores spend on them, as a busy machine would
    otherwise decide; it is shared out among as many threads as torch has.
    """
    on_cpu = all(choice.engine.on_cpu for choice in choices)
    clock, share = (time.process_time, torch.get_num_threads()) if on_cpu else (time.perf_counter, 1)
    times: list[list[float]] = [[] for _ in choices]
    begin = time.perf_counter()
    for number in range(MOST):
        if number >= FEWEST and _since(begin) > ENOUGH * len(choices):
            break
        for i, choice in enumerate(choices):
            start = clock()
            choice.compiled(*tensors)
            times[i].append(1000 * (clock() - start) / share)
    return [median(values[1:]) for values in times]  # the first time, some warm up


def _key(among: Sequence[Engine], source: Source, tensors: Sequence[Tensor], role: str) -> str:
    described: Any = [engine.description for engine in among], role, AGREEMENT
    return 'choice_' + fingerprint(source, repr(described), [tuple(tensor.shape) for tensor in tensors])


def _since(start: float) -> float:
    return time.perf_counter() - start
