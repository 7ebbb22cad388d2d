# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The simulated node against the one of `davss_ros.evaluate.streaming`, which knows all frames beforehand."""

import numpy as np
import pytest

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.node_config import NodeConfig
from davss_ros.core.parameters import CameraConfig
from davss_ros.evaluate.bags.simulation import Arrival, Coming, SimulatedNode
from davss_ros.evaluate.streaming import present_frames, serve

MS = 1_000_000


def node(*names: str, interval: int = 1000, **settings: object) -> SimulatedNode:
    config = CameraConfig(SegmenterConfig(key_interval=interval, key_frame_policy='fixed'), NodeConfig(**settings))  # type: ignore[arg-type]  # values of several types
    return SimulatedNode(dict.fromkeys(names or ('a',), config))


def frame(when: int, ms: float, number: int = 0, reason: str = '') -> Coming:
    return Coming(when, reason, ms, np.full((4, 4), number, np.uint8))


def shown(arrival: Arrival) -> int | None:
    return None if arrival.shown is None else int(arrival.shown[0, 0])


@pytest.mark.parametrize('every_frame', [False, True])
@pytest.mark.parametrize('seed', range(5))
def test_one_camera_is_served_as_one_that_is_looked_at_as_a_whole(seed: int, every_frame: bool) -> None:
    generator = np.random.default_rng(seed)
    stamps = (np.cumsum(generator.integers(20, 80, 60)) * MS).tolist()
    costs = generator.uniform(10, 150, 60).tolist()
    policy = 'every_frame' if every_frame else 'drop_old'
    simulation = node(policy=policy)
    arrivals = []
    for number, (stamp, cost) in enumerate(zip(stamps, costs, strict=True)):
        arrivals.append(simulation.arrive('a', frame(stamp, cost, number, '' if number else 'first')))
    outputs = serve(stamps, lambda place, start: round(costs[place] * MS), every_frame=every_frame)
    assert [shown(arrival) for arrival in arrivals] == present_frames(stamps, outputs)
    waiting = sum(output.ready > stamps[-1] for output in outputs)
    assert 0 <= len(stamps) - len(outputs) - sum(arrival.dropped for arrival in arrivals) <= waiting


def test_a_queue_drops_the_oldest_when_it_is_full() -> None:
    simulation = node(policy='every_frame', queue_length=2)
    dropped = [simulation.arrive('a', frame(n * MS, 1000.0, n)).dropped for n in range(6)]
    assert dropped == [0, 0, 0, 1, 1, 1]


def test_key_frames_are_those_of_the_frames_that_are_served() -> None:
    simulation = node(interval=2)
    # a key frame takes 100 ms, another one 1 ms, and frames come every 10 ms: after a key frame ten are too late
    latencies = []
    for n in range(45):
        latencies += simulation.arrive(
            'a', frame(n * 10 * MS, 1.0 if n % 2 else 100.0, n, '' if n % 2 else 'interval')
        ).latencies
    assert latencies[:4] == pytest.approx([100, 1, 100, 1])  # the 11th to come is the second to be served, and no key


def test_cameras_share_one_worker_in_rounds() -> None:
    simulation = node('a', 'b')
    for when in (0, 100):
        simulation.arrive('a', frame(when * MS, 30.0, when))
        simulation.arrive('b', frame(when * MS, 30.0, when))
    arrival = simulation.arrive('a', frame(200 * MS, 30.0))
    assert arrival.latencies == pytest.approx([30, 60]) and shown(arrival) == 100


def test_a_message_that_overtook_another_is_no_other_clock() -> None:
    simulation = node()
    latencies = []
    for when in (100, 200, 190, 1101, 3000):
        latencies += simulation.arrive('a', frame(when * MS, 1000.0 if when < 1000 else 1.0)).latencies
    assert latencies == pytest.approx([1000, 1910, 1000])  # the second is pushed out


def test_a_clock_that_goes_back_starts_anew() -> None:
    simulation = node()
    simulation.arrive('a', frame(10**18, 5000.0))
    simulation.arrive('a', frame(10**18 + MS, 5000.0))
    simulation.arrive('a', frame(MS, 1.0))
    assert simulation.arrive('a', frame(100 * MS, 1.0)).latencies
