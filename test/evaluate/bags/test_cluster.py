# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A Ray cluster of two nodes on this machine, one of whose workers is killed in mid-run."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from davss_ros.core.classes import load_classes
from davss_ros.core.config import SegmenterConfig
from davss_ros.errors import ConfigError
from davss_ros.evaluate.bags.command import main
from davss_ros.evaluate.bags.evaluation import evaluate_bags
from davss_ros.evaluate.bags.job import Job, LabelSource
from davss_ros.evaluate.bags.plan import plan_bag
from davss_ros.evaluate.bags.results import figures_of

from .conftest import FORMS, Drive

ray = pytest.importorskip('ray')
from ray.cluster_utils import Cluster  # noqa: E402  # there only with ray

from davss_ros.evaluate.bags.cluster import RayCrew  # noqa: E402  # likewise

MEMORY = 100 * 2**20  # bytes of the object store of a node
VALUES = {'precision': 'float32', 'device': 'cpu', 'engine': 'torch', 'key_interval': 6, 'key_frame_policy': 'fixed'}


@pytest.fixture(scope='module')
def cluster() -> Iterator[Any]:
    """Two nodes of one core each."""
    node = {'num_cpus': 1, 'object_store_memory': MEMORY, 'include_dashboard': False}
    made = Cluster(initialize_head=True, head_node_args=node)
    try:
        made.add_node(num_cpus=1, object_store_memory=MEMORY)
        made.wait_for_nodes()
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def killed_once(rows: Path) -> Any:
    """Return a progress function that kills the first worker of ours that has written something."""
    killed: list[int] = []

    def progress(count: int) -> None:
        if killed or not count:
            return
        for folder in Path('/proc').iterdir():
            if folder.name.isdecimal():
                try:
                    name = (folder / 'cmdline').read_bytes()
                    files = [str(link.readlink()) for link in (folder / 'fd').iterdir()]
                except OSError:
                    continue
                if name.startswith(b'ray::_do') and any(file.startswith(str(rows)) for file in files):
                    killed.append(int(folder.name))
                    os.kill(killed[0], signal.SIGKILL)
                    return

    progress.killed = killed  # type: ignore[attr-defined]  # a mark of this test
    return progress


def test_two_nodes_give_the_figures_of_a_plain_loop_though_a_worker_is_killed(
    cluster: Any, drive: Drive, tmp_path: Path
) -> None:
    bag = FORMS['mcap'](drive, tmp_path / 'bag')
    out = tmp_path / 'out'
    job = Job(VALUES, {bag: ('/camera/image_raw',)}, out, labels={'': LabelSource(topic='/truth')}, threads=1)
    plans = {bag: plan_bag(bag, job, load_classes('camvid11'))}
    progress = killed_once(out)
    crew = RayCrew(cluster.address, threads=1)
    assert crew.size == 2
    outcome = evaluate_bags(job, plans, progress, crew, {bag: 4})
    assert progress.killed and not outcome.failed
    expected = drive.loop(SegmenterConfig(**{**VALUES, 'key_frame_policy': 'fixed'}))  # type: ignore[arg-type]  # values of several types
    figures = figures_of(job, plans, out / 'frames.jsonl')['all']
    assert abs(figures['miou'] - 100 * expected.miou()) < 1e-6
    numbers = [json.loads(line)['n'] for line in (out / 'frames.jsonl').open()]
    assert numbers == list(range(32))


def test_a_bag_that_fails_is_told_and_stops_no_other(
    cluster: Any, drive: Drive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = FORMS['mcap'](drive, tmp_path / 'good'), tmp_path / 'bad.mcap'
    bad.write_bytes(b'no bag')
    command = [str(good), str(bad), '--out', str(tmp_path / 'out'), '--labels', '/truth', '--no-report']
    command += ['--ray', cluster.address, '--threads', '1', '--duration', '0.5', '-p', 'device:=cpu']
    assert main(command) == 1
    results = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert results['failed'].keys() == {'bad.mcap'} and results['bags']['good']['frames'] == 8
    assert 'Traceback' not in capsys.readouterr().err


def test_no_cluster_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, 'is_initialized', lambda: False)

    def refuse(**_: Any) -> None:
        raise ConnectionError('nobody listens\nmore')

    monkeypatch.setattr(ray, 'init', refuse)
    with pytest.raises(ConfigError, match=r'--ray 10.0.0.1:1: no cluster there: nobody listens; '):
        RayCrew('10.0.0.1:1')
