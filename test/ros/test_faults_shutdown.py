# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The end of a node that is up to its neck in work."""

import signal
import time
from typing import Any

TOPICS = ['/davss/label', '/davss/overlay', '/davss/distortion_color']


def test_a_signal_ends_a_busy_node_with_status_zero_and_no_complaint(processes: Any) -> None:
    node = processes.node('policy:=every_frame')
    viewer = processes.peer('listen', '--expect', '100000', *TOPICS)
    viewer.wait_for('ready')
    processes.peer('publish', '--count', '100000', '--rate', '60', '--width', '160', '--height', '120', '--now')
    viewer.wait_for('distortion_color')
    time.sleep(0.5)  # into the thick of it
    assert node.stop(signal.SIGINT) == 0
    assert 'Traceback' not in node.said() and 'failed' not in node.said() and '[ERROR]' not in node.said()
