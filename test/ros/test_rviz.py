# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The RViz configuration shows what the node publishes, with a range that does not change from frame to frame."""

from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).parent.parent.parent / 'config' / 'davss.rviz'


def test_it_shows_camera_overlay_and_distortion(tiny_model: Any, running: Any, client: Any) -> None:
    displays = yaml.safe_load(CONFIG.read_text())['Visualization Manager']['Displays']
    assert all(display['Class'] == 'rviz_default_plugins/Image' and display['Enabled'] for display in displays)
    shown = {display['Topic']['Value']: display for display in displays}
    assert list(shown) == ['image', 'davss/overlay', 'davss/distortion']
    running(tiny_model)
    client.run_until(lambda: all(client.node.count_publishers(f'/{topic}') for topic in list(shown)[1:]))
    for topic in list(shown)[1:]:
        (offered,) = client.node.get_publishers_info_by_topic(f'/{topic}')
        assert offered.topic_type == 'sensor_msgs/msg/Image'
    assert shown['image']['Topic']['Reliability Policy'] == 'Best Effort'  # as every camera can serve it
    assert {display['Topic']['Durability Policy'] for display in displays} == {'Volatile'}
    distortion = shown['davss/distortion']
    assert (distortion['Normalize Range'], distortion['Min Value'], distortion['Max Value']) == (False, 0, 1)
