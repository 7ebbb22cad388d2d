# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

import time
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from davss_ros.core.classes import SemanticClass
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.evaluate import live
from davss_ros.evaluate.live import clips_of, play, players, streaming_scores
from davss_ros.evaluate.videos import EvaluationFrame, Video

CONFIG = SegmenterConfig(device='cpu', precision='float32', longest_gap=0.0)
PERIOD, COUNT = 40, 12  # ms, frames
MS = 10**6


class Clock:
    """A clock that only sleepers and networks turn."""

    def __init__(self) -> None:
        self.now = 5 * MS

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)

    def perf_counter_ns(self) -> int:
        return self.now

    def perf_counter(self) -> float:
        return self.now / 1e9


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    functions = {name: getattr(made, name) for name in ('sleep', 'perf_counter_ns', 'perf_counter')}
    monkeypatch.setattr(live, 'time', SimpleNamespace(**functions))
    return made


@pytest.fixture
def model(clock: Clock) -> Model:
    """Labels are 1 where the image is white; a key frame takes 100 ms and any other 10, and is no better for it."""

    def key(image: Tensor) -> Tensor:
        clock.now += 100 * MS * len(image)
        return look(image)

    def look(image: Tensor) -> Tensor:
        white = (image[:, :1, 1::4, 1::4] > 0.5).float()
        return torch.cat([1 - white, white], 1)

    def correction(image: Tensor, propagated: Any) -> Tensor:
        clock.now += 10 * MS
        return look(image)

    classes = (SemanticClass('ground', (0, 0, 0)), SemanticClass('wall', (9, 9, 9)))

    def flow(image: Tensor, previous: Tensor) -> Tensor:
        return torch.zeros_like(image[:, :2, ::4, ::4])

    def distortion(propagated: Any, image: Tensor) -> Tensor:
        return torch.full_like(image[:, :1], 0.2)

    return Model(
        key,
        flow,
        distortion,
        correction,
        classes,
        'step',
        5.0,
        False,
        torch.device('cpu'),
        torch.float32,
        'stub',
    )


def frames(labelled: bool = True, stamped: bool = True) -> Video:
    """A wall that grows by 4 px every frame."""
    made = []
    for number in range(COUNT):
        labels = np.zeros((32, 64), np.uint8)
        labels[:, : 4 * (number + 1)] = 1
        image: NDArray[np.uint8] = np.stack([255 * labels] * 3, 2)
        made.append(
            EvaluationFrame(
                str(number),
                partial(np.copy, image),
                partial(np.copy, labels) if labelled else None,
                stamp=number * PERIOD * MS if stamped else None,
            )
        )
    return made


def expected_miou(lates: dict[int, int]) -> float:
    """Of labels of the frame so many before: the wall ends that many times 4 px too early."""
    walls = {number: 4 * (number + 1) for number in lates}
    wall = sum(walls[p] - 4 * late for p, late in lates.items()) / sum(walls.values())
    ground = sum(64 - w for w in walls.values()) / sum(64 - walls[p] + 4 * late for p, late in lates.items())
    return 100 * (wall + ground) / 2


def test_labels_count_by_when_they_are_there(model: Model) -> None:
    segmenters = players(model, replace(CONFIG, key_interval=1000), ['per_frame', 'davss'])
    found = streaming_scores([frames()], segmenters, rounds=2)
    # per_frame serves 0 (till 100), 2 (till 200), 5 (from 200), 7, 10 and 11: labels are 2 to 4 frames old
    served = {0: 100, 2: 200, 5: 300, 7: 400}
    ages = {p: p - max(frame for frame, ready in served.items() if ready <= p * PERIOD) for p in range(3, COUNT)}
    assert found['per_frame']['miou'] == pytest.approx(expected_miou(ages))
    assert found['per_frame']['age'] == pytest.approx(np.mean([late * PERIOD for late in ages.values()]))
    assert found['per_frame']['latency_p50'] == found['per_frame']['latency_p95'] == pytest.approx(100)
    assert found['per_frame']['served'] == pytest.approx(6 / COUNT)
    # davss: 0 (till 100), 2 (till 110), 3 (120 to 130), then each as it comes, there when the next one does
    ages = {3: 1} | dict.fromkeys(range(4, COUNT), 1)
    assert found['davss']['miou'] == pytest.approx(expected_miou(ages))
    assert found['davss']['age'] == pytest.approx(PERIOD)
    assert found['davss']['served'] == pytest.approx((COUNT - 1) / COUNT)
    assert found['davss']['latency_p50'] == pytest.approx(10)


def test_frames_are_given_no_earlier_than_they_are_due(model: Model, clock: Clock) -> None:
    (clip,) = clips_of([frames()])
    began = clock.now
    played = play(clip, players(model, CONFIG, ['davss'])['davss'])
    assert [output.ready - latency for output, latency in zip(played.outputs, played.latencies, strict=True)] == [
        max(clip.stamps[number], previous)
        for number, previous in zip(
            [output.frame for output in played.outputs], [0, *(o.ready for o in played.outputs)], strict=False
        )
    ]
    assert clock.now - began == played.outputs[-1].ready


def test_only_the_beginning_is_played_and_only_of_videos_with_times() -> None:
    assert [len(clip.stamps) for clip in clips_of([frames()], 5 * PERIOD * MS)] == [6]
    assert [len(clip.stamps) for clip in clips_of([frames(), frames()], 13 * PERIOD * MS)] == [12, 3]
    assert clips_of([frames(stamped=False)]) == []


def test_without_labels_there_is_nothing_to_say(model: Model) -> None:
    assert streaming_scores([frames(labelled=False)], players(model, CONFIG)) == {}


def test_the_background_is_played_in_real_time(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, 'time', time)
    config = replace(CONFIG, key_interval=3, key_frame_lag=1)
    found = streaming_scores([frames()], players(model, config), rounds=1)
    assert list(found) == ['per_frame', 'davss', 'davss, background']
    assert all(0 < figures['served'] <= 1 and figures['miou'] > 50 for figures in found.values())
