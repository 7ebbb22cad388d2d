# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The managed node: transitions, services and parameters, as a process."""

import json
import pickle  # the attack, not the way we load
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import LoggerLevel, Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import GetLoggerLevels, SetLoggerLevels, SetParameters, SetParametersAtomically
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from davss_ros.core.classes import load_classes
from davss_ros.networks.weights import SHIPPED

REFUSAL = 15.0  # s within which a refusal comes, which needs no work: without one the test is not to wait for long


class Touch:
    """Touches a file when it is unpickled."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.flag,)


class Remote:
    """The node, seen from outside."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.report: dict[str, str] = {}
        self.level = self.message = b''
        client.node.create_subscription(DiagnosticArray, '/diagnostics', self._note, 10)

    def _note(self, message: DiagnosticArray) -> None:
        self.report = {pair.key: pair.value for status in message.status for pair in status.values}
        self.levels = {status.name: (ord(status.level), status.message) for status in message.status}

    def state(self) -> str:
        return str(self.client.call(GetState, '/davss/get_state', GetState.Request()).current_state.label)

    def change(self, transition: str, seconds: float = 120) -> bool:
        request = ChangeState.Request()
        request.transition.label = transition
        return bool(self.client.call(ChangeState, '/davss/change_state', request, seconds).success)

    def set(self, **values: Any) -> list[Any]:
        request = SetParameters.Request(parameters=self._parameters(values))
        return list(self.client.call(SetParameters, '/davss/set_parameters', request).results)

    def set_together(self, **values: Any) -> Any:
        request = SetParametersAtomically.Request(parameters=self._parameters(values))
        return self.client.call(SetParametersAtomically, '/davss/set_parameters_atomically', request).result

    def _parameters(self, values: dict[str, Any]) -> list[Parameter]:
        kinds = {str: ('STRING', 'string_value'), int: ('INTEGER', 'integer_value'), float: ('DOUBLE', 'double_value')}
        parameters = []
        for name, value in values.items():
            kind, field = kinds[type(value)]
            setting = ParameterValue(type=getattr(ParameterType, f'PARAMETER_{kind}'), **{field: value})
            parameters.append(Parameter(name=name, value=setting))
        return parameters

    def wait(self, done: Callable[[dict[str, str]], bool], seconds: float = 90) -> None:
        self.client.run_until(lambda: bool(self.report) and done(self.report), seconds)
        assert done(self.report), self.report


@pytest.fixture
def remote(client: Any) -> Remote:
    return Remote(client)


def test_every_transition_and_back(processes: Any, client: Any, remote: Remote) -> None:
    node = processes.starting('autostart:=false')
    assert remote.state() == 'unconfigured'
    remote.wait(lambda report: report['state'] == 'unconfigured')
    assert 'model' not in remote.report
    assert not remote.change('activate', REFUSAL)  # not from here, and the node survives the wish

    names: list[dict[str, Any]] = []
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    assert remote.change('configure')
    assert remote.state() == 'inactive'
    client.node.create_subscription(String, '/davss/label_names', lambda m: names.append(json.loads(m.data)), latched)
    client.run_until(lambda: bool(names))
    expected = [c.name for c in load_classes('camvid11')]
    assert [mapping['class_name'] for mapping in names[0]['class_map']] == expected
    assert [mapping['class_id'] for mapping in names[0]['class_map']] == list(range(11))
    assert client.node.count_subscribers('/image') == 0  # listens to nothing yet

    labels: list[Image] = []
    client.node.create_subscription(Image, '/davss/label', labels.append, 10)
    assert remote.change('activate')
    client.connect('/davss/label')
    camera = processes.peer('publish', '--count', '10000', '--rate', '5')
    client.run_until(lambda: len(labels) >= 3, 90)
    assert len(labels) >= 3
    assert remote.change('deactivate')
    assert camera.process.poll() is None  # it still sends, and what comes out no more
    client.run_until(lambda: False, 0.5)
    labels.clear()
    client.run_until(lambda: bool(labels), 1.0)
    assert not labels
    camera.stop(signal.SIGKILL)
    remote.wait(lambda report: report['state'] == 'inactive')
    assert client.node.count_subscribers('/image') == 0
    assert remote.report['model'] == 'camvid_lite'  # kept

    loaded = float(remote.report['memory (MB)'])
    assert remote.change('cleanup')
    assert remote.state() == 'unconfigured'
    assert remote.change('configure') and remote.change('activate')  # all of it again, in one process
    remote.wait(lambda report: report['state'] == 'active' and 'memory (MB)' in report)
    assert float(remote.report['memory (MB)']) < loaded + 100
    assert node.stop(signal.SIGINT) == 0
    assert 'Traceback' not in node.said()


@pytest.mark.parametrize('state', ['unconfigured', 'inactive', 'active'])
def test_transitions_that_are_not_possible_are_answered(running: Any, tiny_model: Any, client: Any, state: str) -> None:
    node = running(tiny_model)
    if state != 'active':
        node.trigger_deactivate()
    if state == 'unconfigured':
        node.trigger_cleanup()
    possible = {label for _, label, *_ in node._state_machine.available_transitions}
    assert 'shutdown' in possible and len(possible) > 1
    by_id = {0, 1, 2, 3, 4, 5, 6, 7, 8, 99} - {number for number, *_ in node._state_machine.available_transitions}
    for wanted in [
        *map(str, sorted({'configure', 'activate', 'deactivate', 'cleanup', 'nonsense'} - possible)),
        *by_id,
    ]:
        request = ChangeState.Request()
        if isinstance(wanted, int):
            request.transition.id = wanted
        else:
            request.transition.label = wanted
        assert not client.call(ChangeState, '/davss/change_state', request, REFUSAL).success
        assert node.state == state


def test_the_level_of_the_log_can_be_set(running: Any, tiny_model: Any, client: Any) -> None:
    running(tiny_model)
    request = SetLoggerLevels.Request(levels=[LoggerLevel(name='davss', level=LoggerLevel.LOG_LEVEL_DEBUG)])
    assert client.call(SetLoggerLevels, '/davss/set_logger_levels', request).results[0].successful
    asked = GetLoggerLevels.Request(names=['davss'])
    assert (
        client.call(GetLoggerLevels, '/davss/get_logger_levels', asked).levels[0].level == LoggerLevel.LOG_LEVEL_DEBUG
    )
    request.levels[0].level = LoggerLevel.LOG_LEVEL_INFO
    client.call(SetLoggerLevels, '/davss/set_logger_levels', request)


def test_what_cannot_be_configured_can_be_repaired(processes: Any, remote: Remote, tmp_path: Path) -> None:
    """One node, started with weights that hold code, that then meets one fault after the other."""
    evil = tmp_path / 'evil.pth'
    evil.write_bytes(pickle.dumps({'state_dict': Touch(tmp_path / 'ran')}))
    half = tmp_path / 'half.safetensors'
    half.write_bytes((SHIPPED / 'camvid_lite.safetensors').read_bytes()[:100_000])
    faults = [  # parameter, wrong, right, complaint
        ('weights', str(evil), 'camvid_lite', 'it was not executed'),
        ('weights', str(half), 'camvid_lite', 'half.safetensors: damaged or no weights file'),
        ('weights', 'nosuch', 'camvid_lite', "or a file, found 'nosuch'"),
        ('device', 'cuda:99', 'cpu', 'device: expected '),
        ('classes', '/nowhere.yaml', '', '/nowhere.yaml'),
    ]
    node = processes.starting(f'weights:={evil}')
    for number, (name, wrong, right, complaint) in enumerate(faults):
        if number:
            assert remote.set(**{name: wrong})[0].successful
            assert not remote.change('configure')
        assert remote.state() == 'unconfigured'
        remote.wait(lambda report: complaint in report['last error'])  # noqa: B023  # called in this turn only
        assert remote.levels['/davss: node'][0] == 2
        said = [line for line in node.said().splitlines() if 'not configured' in line]
        assert len(said) == number + 1 and complaint in said[-1], said
        assert remote.set(**{name: right})[0].successful
    assert node.said().strip().splitlines() == said  # one line each, and nothing else
    assert not (tmp_path / 'ran').exists()
    assert remote.change('configure') and remote.change('activate')
    remote.wait(lambda report: report['state'] == 'active')
    assert remote.levels['/davss: node'][0] == 0


def test_services_and_parameters_of_a_running_node(
    running: Any, tiny_model: Any, processes: Any, client: Any, remote: Remote
) -> None:
    running(tiny_model, key_interval=1000, policy='every_frame', longest_gap=0.0)
    client.node.create_subscription(Image, '/davss/label', lambda message: None, 50)
    client.connect('/davss/label')
    processes.peer('publish', '--count', '10000', '--rate', '10')
    remote.wait(lambda report: int(report.get('published', 0)) > 2)
    assert json.loads(remote.report['key frame reasons']) == {'activated': 1}

    assert client.call(Trigger, '/davss/reset', Trigger.Request()).success
    remote.wait(lambda report: 'reset' in report['key frame reasons'])
    assert json.loads(remote.report['key frame reasons'])['reset'] == 1

    assert client.call(SetBool, '/davss/enable', SetBool.Request(data=False)).success
    remote.wait(lambda report: 'disabled' in report['not published'])
    published = int(remote.report['published'])
    remote.wait(lambda report: json.loads(report['not published'])['disabled'] > 5)
    assert int(remote.report['published']) == published
    assert client.call(SetBool, '/davss/enable', SetBool.Request(data=True)).success
    remote.wait(lambda report: 'enabled' in report['key frame reasons'])

    together = remote.set_together(warn_loss=0.6, error_loss=0.5)
    assert not together.successful and 'warn_loss: expected at most error_loss (0.5), found 0.6' in together.reason
    assert remote.set_together(warn_loss=0.1, error_loss=0.5).successful
    result = remote.set(error_loss=0.05)[0]
    assert not result.successful and 'warn_loss: expected at most error_loss (0.05), found 0.1' in result.reason
    assert not remote.set(weights='other')[0].successful
    assert remote.set(key_interval=1)[0].successful
    before = int(remote.report['key frames'])
    remote.wait(lambda report: int(report['key frames']) > before + 2)
    assert remote.set(policy='drop_old', queue_length=5)[0].successful
    assert not remote.set(policy='random')[0].successful


def test_quality_of_service_can_be_overridden_by_topic(running: Any, tiny_model: Any, client: Any) -> None:
    label, image = 'qos_overrides./davss/label.publisher', 'qos_overrides./image.subscription'
    settings = {f'{label}.reliability': 'best_effort', f'{label}.depth': 7, f'{label}.history': 'keep_last'}
    settings |= {f'{image}.depth': 3, f'{image}.history': 'keep_last'}
    node = running(tiny_model, **settings)
    client.run_until(lambda: client.node.count_publishers('/davss/label') and client.node.count_subscribers('/image'))
    offered = client.node.get_publishers_info_by_topic('/davss/label')[0].qos_profile
    assert offered.reliability.name == 'BEST_EFFORT'
    asked = client.node.get_subscriptions_info_by_topic('/image')[0].qos_profile
    assert asked.reliability.name == 'RELIABLE'
    # depths are no part of what the wire tells; here are the middleware's own
    depths = {p.topic_name: p.qos_profile.depth for p in node.publishers if p.topic_name.startswith('/davss/l')}
    assert depths == {'/davss/label': 7, '/davss/label/compressed': 5, '/davss/label_color': 5, '/davss/label_names': 1}
    assert [s.qos_profile.depth for s in node.subscriptions if s.topic_name == '/image'] == [3]
