# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Over four times the rate that can be served, for a while: the queue stays short, and counts add up.

Not time but the number of frames before it bounds how long a frame waits; so frames are what is counted here.
"""

import json
import os
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParametersAtomically
from sensor_msgs.msg import Image

SIZE = ('--width', '320', '--height', '240')
SECONDS = int(os.environ.get('DAVSS_LOAD_SECONDS', '20'))  # real ones: a load is a rate
TIMES = 8  # what was measured in a few seconds, so that it is well over 4 if the machine is faster then
QUEUE = 20


class Watch:
    """Reads the diagnostics, and measures from stamp to arrival on its own."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.report: dict[str, str] = {}
        self.levels: list[tuple[int, str]] = []
        self.waiting: list[int] = []
        client.node.create_subscription(DiagnosticArray, '/diagnostics', self._note, 10)
        client.node.create_subscription(Image, '/davss/label', lambda message: None, 50)
        client.connect('/davss/label')

    def _note(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == '/davss: /image':
                self.report = {pair.key: pair.value for pair in status.values}
                self.levels.append((status.level[0], status.message))
                self.waiting.append(int(self.report['waiting']))

    def clear(self) -> None:
        """Forget what was told of levels and queues."""
        self.levels.clear()
        self.waiting.clear()

    def settled(self) -> dict[str, Any]:
        """Return the diagnostics once nothing waits, counts as numbers."""
        self.report = {}
        self._client.run_until(lambda: self.report.get('waiting') == '0', 90)
        assert self.report.get('waiting') == '0', self.report
        left = json.loads(self.report['not published'])
        return {
            'received': int(self.report['received']),
            'published': int(self.report['published']),
            'left': left,
            'gone': sum(count for reason, count in left.items() if reason != 'lost'),
            'total': json.loads(self.report['stages (ms)'])['total'],
        }


def play(processes: Any, client: Any, rate: float, seconds: float) -> None:
    """Publish at that rate for so long."""
    count = max(1, round(rate * seconds))
    camera = processes.peer('publish', '--count', str(count), '--rate', f'{rate:.1f}', '--now', *SIZE)
    client.run_until(lambda: camera.process.poll() is not None, 3 * seconds + 90)
    sent = camera.lines()[-1]
    assert (camera.process.poll(), sent['sent']) == (0, count)


def change(client: Any, **values: str | int) -> None:
    kinds = {
        str: (ParameterType.PARAMETER_STRING, 'string_value'),
        int: (ParameterType.PARAMETER_INTEGER, 'integer_value'),
    }
    settings = [
        Parameter(name=name, value=ParameterValue(type=kinds[type(value)][0], **{kinds[type(value)][1]: value}))
        for name, value in values.items()
    ]
    request = SetParametersAtomically.Request(parameters=settings)
    assert client.call(SetParametersAtomically, '/davss/set_parameters_atomically', request).result.successful


def test_four_times_too_many_frames_for_a_while(processes: Any, client: Any) -> None:
    # per_frame: every frame takes as long as the last
    node = processes.node('mode:=per_frame', 'policy:=drop_old', 'device:=cpu', 'working_height:=0')
    watch = Watch(client)
    play(processes, client, 150, 4)
    trial = watch.settled()
    rate = TIMES * 1000 / trial['total']

    watch.clear()
    play(processes, client, rate, SECONDS)
    newest = watch.settled()
    received, published = (newest[what] - trial[what] for what in ('received', 'published'))
    assert received > 4 * published > 0, (received, published)  # it was too much indeed
    assert newest['received'] == newest['published'] + newest['gone']
    assert newest['left'].keys() <= {'dropped', 'lost'}
    assert any(level == 1 and 'dropped' in words for level, words in watch.levels)
    # one in hand, one that waits, and one that just comes
    assert len(watch.waiting) > SECONDS / 3 and max(watch.waiting) <= 3, watch.waiting

    change(client, policy='every_frame', queue_length=QUEUE)
    watch.clear()
    play(processes, client, rate, 10)
    queued = watch.settled()
    assert queued['received'] == queued['published'] + queued['gone']
    assert queued['left']['dropped'] > newest['left']['dropped']
    assert QUEUE / 2 < max(watch.waiting) <= QUEUE + 2, watch.waiting
    assert node.stop() == 0
