# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Which engine is taken; the engines are stand-ins that are slow, wrong or broken as told."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
import torch
from torch import Tensor, nn

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import load_model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.engines.cache import Cache
from davss_ros.engines.choice import Engines, agreement, choose, choose_engines
from davss_ros.engines.engine import Compiled, Engine, Source
from davss_ros.engines.engine_network import EngineNetwork
from davss_ros.engines.torch_engine import TorchEngine
from davss_ros.errors import ConfigError, EngineError

CPU = torch.device('cpu')
TORCH = TorchEngine(CPU, torch.float32)


@dataclass
class StandIn:
    """Computes by torch, and then does as told."""

    name: str
    wait: float = 0.0  # s
    flipped: float = 0.0  # share of the pixels with another label
    broken: bool = False
    breaks_after: int = 1000  # calls
    numbers_until: int = 1000  # calls
    compiled: list[Sequence[Tensor]] = field(default_factory=list)

    on_cpu: bool = False  # its waiting is no work

    @property
    def description(self) -> str:
        return f'{self.name} 1.0'

    def compile(self, source: Source, inputs: Sequence[Tensor]) -> Compiled:
        assert isinstance(source, nn.Module)
        if self.broken:
            raise EngineError(f'{self.name} cannot')
        self.compiled.append(inputs)

        def call(*tensors: Tensor) -> tuple[Tensor]:
            self.breaks_after -= 1
            self.numbers_until -= 1
            if self.breaks_after < 0:
                raise RuntimeError('the device is gone\nand more')
            time.sleep(self.wait)
            scores: Tensor = source(*tensors).clone()
            wrong = int(self.flipped * scores[0, 0].numel())
            scores.flatten(2)[:, :, :wrong] *= -1
            if self.numbers_until < 0:
                scores[0, 0, 0, 0] = torch.nan
            return (scores,)

        return call


def network_of(tiny: nn.Module, folder: Path, *engines: Engine, timed: bool = True) -> EngineNetwork:
    return EngineNetwork(tiny, Engines([*engines, TORCH], TORCH, Cache(folder), timed), 'key')


IMAGE = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def test_the_fastest_that_agrees_is_taken(tiny: nn.Module, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('INFO', 'davss_ros')
    slow, fast, wrong = StandIn('slow', wait=0.2), StandIn('fast', wait=0.1), StandIn('wrong', flipped=0.02)
    engines = Engines([slow, wrong, fast, TORCH], TORCH, Cache(tmp_path), True)
    lazy = StandIn('lazy', wait=1.0)
    engines.candidates = [slow, wrong, fast, lazy]  # torch, which is faster, is left out
    network = EngineNetwork(tiny, engines, 'key')
    assert torch.equal(network(IMAGE), tiny(IMAGE))
    assert network.description == 'fast 1.0'
    assert [m for m in caplog.messages if 'wrong' in m] == [
        'key: wrong agrees with lazy on 98.18 % of the pixels, expected 99.5 %; not taken'
    ]
    assert caplog.messages[-1].startswith('key: fast 1.0 (slow ')
    assert 'chosen in' in caplog.messages[-1]


def test_a_choice_is_kept_and_found_again(tiny: nn.Module, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('INFO', 'davss_ros')
    network_of(tiny, tmp_path, StandIn('fast'), StandIn('slow', wait=0.2), timed=False)(IMAGE)
    slow = StandIn('slow')
    again = network_of(tiny, tmp_path, StandIn('fast'), slow, timed=False)
    assert torch.equal(again(IMAGE), tiny(IMAGE))
    assert again.description == 'fast 1.0'
    assert slow.compiled == []
    assert 'as chosen before' in caplog.messages[-1]


def test_one_that_is_named_need_not_be_the_fastest_but_agree(tiny: nn.Module, tmp_path: Path) -> None:
    slow = network_of(tiny, tmp_path, StandIn('slow', wait=0.1), timed=False)
    slow(IMAGE)
    assert slow.description == 'slow 1.0'
    wrong = network_of(tiny, tmp_path, StandIn('wrong', flipped=0.5), timed=False)
    assert torch.equal(wrong(IMAGE), tiny(IMAGE))
    assert wrong.description == TORCH.description


def test_what_fails_to_compile_is_said_in_one_line(
    tiny: nn.Module, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    network = network_of(tiny, tmp_path, StandIn('broken', broken=True))
    assert torch.equal(network(IMAGE), tiny(IMAGE))
    assert caplog.messages == ['key: broken fails (broken cannot)']


def test_what_fails_later_is_replaced_on_the_spot(
    tiny: nn.Module, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    network = network_of(tiny, tmp_path, StandIn('frail', breaks_after=3), timed=False)
    for _ in range(6):
        assert torch.equal(network(IMAGE), tiny(IMAGE))
    assert network.description == TORCH.description
    assert caplog.messages == ['key: frail fails (RuntimeError: the device is gone); another one is chosen']


def test_what_gives_no_numbers_later_is_replaced_on_the_spot(
    tiny: nn.Module, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    network = network_of(tiny, tmp_path, StandIn('odd', on_cpu=True, numbers_until=3), timed=False)
    for _ in range(6):
        assert torch.equal(network(IMAGE), tiny(IMAGE))
    assert caplog.messages == ['key: odd fails (gives NaN or infinity); another one is chosen']


def test_where_the_last_one_cannot_another_one_computes(
    tiny: nn.Module, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engines = Engines([StandIn('good'), StandIn('new'), StandIn('old', broken=True)], TORCH, Cache(tmp_path), False)
    network = EngineNetwork(tiny, engines, 'key')
    assert torch.equal(network(IMAGE), tiny(IMAGE))
    assert network.description == 'good 1.0' and caplog.messages == ['key: old fails (old cannot)']
    with pytest.raises(EngineError, match='old cannot'):
        EngineNetwork(tiny, Engines([StandIn('old', broken=True)] * 2, TORCH, Cache(tmp_path), False), 'gate')(IMAGE)


def test_every_size_is_looked_at_the_number_of_images_not(tiny: nn.Module, tmp_path: Path) -> None:
    engine = StandIn('fast')
    network = network_of(tiny, tmp_path, engine, timed=False)
    for count in (1, 2, 1, 3):
        network(torch.rand(count, 3, 64, 96))
    network(torch.rand(1, 3, 32, 96))
    assert [inputs[0].shape[2] for inputs in engine.compiled] == [64, 32]


def test_labels_that_rounding_tosses_are_asked_of_nobody(tiny: nn.Module, tmp_path: Path) -> None:
    """In half precision torch flips some labels too; an engine may flip others, but not such as were clear."""

    class Rounded(TorchEngine):
        def compile(self, source: Source, inputs: Sequence[Tensor]) -> Compiled:
            return noisy(super().compile(source, inputs), 0)

    @dataclass
    class AsRounded(StandIn):
        def compile(self, source: Source, inputs: Sequence[Tensor]) -> Compiled:
            return noisy(super().compile(source, inputs), 1)

    expected = tiny(IMAGE)
    flips = agreement(expected, noisy(lambda image: (tiny(image),), 1)(IMAGE)[0], 'key')
    assert flips < 0.99  # labels alone would not do
    last = Rounded(CPU, torch.float32)
    for flipped, taken in ((0.0, True), (0.02, False)):
        engine = AsRounded(f'flips {flipped}', flipped=flipped)
        network = EngineNetwork(tiny, Engines([engine, last], TORCH, Cache(tmp_path), False), 'key')
        network(IMAGE)
        assert network.description.startswith('flips') == taken


def test_of_a_file_rounding_is_told_by_the_scores(tmp_path: Path) -> None:
    scores = torch.randn(1, 5, 32, 32, generator=torch.Generator().manual_seed(0))
    rounded = scores + 0.1 * torch.randn(scores.shape, generator=torch.Generator().manual_seed(1))
    assert agreement(scores, rounded, 'key') < 0.97
    (tmp_path / 'net.onnx').write_bytes(b'a network')

    class Fixed(StandIn):
        def __init__(self, name: str, output: Tensor) -> None:
            super().__init__(name)
            self.output = output

        def compile(self, source: Source, inputs: Sequence[Tensor]) -> Compiled:
            return lambda *_: (self.output,)

    def chosen(output: Tensor, rounds: bool) -> str:
        engines = [Fixed('fast', output), Fixed('exact', scores)]
        among = Engines(engines, TORCH, Cache(tmp_path / uuid4().hex), False, rounds)
        return choose(among, engines, tmp_path / 'net.onnx', [IMAGE], 'key', lambda outputs: outputs[0]).engine.name

    assert chosen(rounded, rounds=True) == 'fast'
    assert chosen(rounded, rounds=False) == 'exact'
    assert chosen(scores.roll(1, 1), rounds=True) == 'exact'


def noisy(compiled: Compiled, seed: int) -> Compiled:
    noise = torch.Generator().manual_seed(seed)

    def call(*tensors: Tensor) -> tuple[Tensor, ...]:
        (scores,) = compiled(*tensors)
        return (scores + 0.1 * scores.std() * torch.randn(scores.shape, generator=noise),)

    return call


def test_agreement_is_of_labels_or_of_values() -> None:
    scores = torch.randn(1, 3, 10, 10)
    assert agreement(scores, 2 * scores, 'key') == 1.0
    assert agreement(scores, 2 * scores, 'distortion') < 0.5
    assert agreement(scores, scores + 0.01, 'distortion') == 1.0
    assert agreement(scores, scores * float('nan'), 'key') == 0.0
    assert agreement(scores, scores[:, :, :5], 'key') == 0.0


def test_an_engine_that_is_missing_is_one_line_and_torch_computes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(__import__('sys').modules, 'openvino', None)
    model = load_model(SegmenterConfig(engine='openvino', device='cpu'))
    assert model.engine.startswith('torch')
    assert caplog.messages == ['engine: openvino is not installed; run `pip install openvino`; torch computes']


def test_auto_without_any_other_engine_is_torch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv('DAVSS_ENGINE', raising=False)
    for name in ('openvino', 'onnxruntime'):
        monkeypatch.setitem(__import__('sys').modules, name, None)
    engines = choose_engines('auto', CPU, torch.float32)
    assert [engine.name for engine in engines.candidates] == ['torch']
    assert caplog.messages == []


def test_auto_may_be_told_what_it_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('DAVSS_ENGINE', 'torch')
    engines = choose_engines('auto', CPU, torch.float32)
    assert [engine.name for engine in engines.candidates] == ['torch']
    with pytest.raises(ConfigError, match=r"found 'fastest'"):
        choose_engines('fastest', CPU, torch.float32)


def test_a_video_by_openvino_has_the_labels_of_torch(
    street: list, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip('openvino')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    labels = {}
    for engine in ('torch', 'openvino'):
        video = VideoSegmenter(SegmenterConfig(engine=engine, precision='float32', device='cpu', key_views=1))
        labels[engine] = [video.step(frame).labels for frame in street[:4]]
        assert video.model.engine.startswith(engine)
        assert set(video.model.engines) == {'key', 'correction', 'gate', 'window'}
    for found, expected in zip(labels['openvino'], labels['torch'], strict=True):
        assert (found == expected).mean() > 0.999
