# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``evaluate_bag --live``: a small bag through a node of its own, over DDS."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from davss_ros.evaluate.bags.command import main
from davss_ros.evaluate.bags.live import differs
from davss_ros.evaluate.bags.make_bag import make_bag
from davss_ros.ros.live_check import compare


def test_the_running_node_gives_the_labels_of_the_evaluation(street: list[np.ndarray], tmp_path: Path) -> None:
    (tmp_path / 'street').mkdir()
    for number, frame in enumerate(street):
        cv2.imwrite(str(tmp_path / 'street' / f'{number}.png'), frame[..., ::-1])
    make_bag(tmp_path / 'street', tmp_path / 'bag', rate=5.0)
    settings = ['-p', 'device:=cpu', '-p', 'engine:=torch', '-p', 'working_height:=120', '-p', 'key_interval:=4']
    command = [str(tmp_path / 'bag'), '--out', str(tmp_path / 'out'), '--no-report', '--no-agreement', *settings]
    assert main([*command, '--live']) == 0
    live = json.loads((tmp_path / 'out' / 'results.json').read_text())['live']['bag']
    every = live['every_frame']
    assert (every['sent'], every['out'], every['dropped']) == (12, 12, 0)
    assert (every['same'], every['different']) == (12, 0)
    assert live['drop_old']['sent'] == 12 == live['drop_old']['out'] + live['drop_old']['dropped']


@pytest.mark.parametrize(('dropped', 'expected'), [(0, True), (1, False)])
def test_other_labels_count_where_nothing_was_dropped(dropped: int, expected: bool) -> None:
    labels = {('/image', 1): 'aa', ('/image', 2): 'bb', ('/image', 3): 'cc'}
    found = compare({'dropped': dropped, 'labels': labels}, {('/image', 1): 'aa', ('/image', 2): 'xx'})
    assert (found['same'], found['different']) == (1, 1)
    assert differs({'bag': {'every_frame': found}}) is expected
