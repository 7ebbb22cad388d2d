# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Which peers do not fit, by the rule of DDS: what is offered must be at least what is asked."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from davss_ros.ros.qos import misfits

LEVELS = {'best_effort': ReliabilityPolicy.BEST_EFFORT, 'reliable': ReliabilityPolicy.RELIABLE}


def profile(reliability: str, latched: bool = False) -> QoSProfile:
    durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=5, reliability=LEVELS[reliability], durability=durability)


def peer(name: str, namespace: str, reliability: str, latched: bool = False) -> Any:
    return SimpleNamespace(node_name=name, node_namespace=namespace, qos_profile=profile(reliability, latched))


@pytest.mark.parametrize('offered', LEVELS)
@pytest.mark.parametrize('asked', LEVELS)
def test_only_a_reliable_reader_of_a_best_effort_writer_hears_nothing(offered: str, asked: str) -> None:
    fits = not (offered == 'best_effort' and asked == 'reliable')
    assert (misfits(profile(offered), None, [peer('viewer', '/', asked)]) == []) == fits
    assert (misfits(None, profile(asked), [peer('driver', '/', offered)]) == []) == fits


def test_the_peer_is_named_in_full_with_the_reason() -> None:
    peers = [
        peer('driver', '/robot/front', 'best_effort'),
        peer('good', '/', 'reliable'),
        peer('old', '/', 'best_effort'),
    ]
    lines = misfits(None, profile('reliable'), peers)
    assert [line.partition(':')[0] for line in lines] == ['/robot/front/driver', '/old']
    for line in lines:
        assert 'reliable' in line.lower() and 'ERROR' not in line and not line.endswith((';', ' '))


def test_a_reader_that_wants_what_was_sent_before_does_not_fit_a_writer_that_keeps_nothing() -> None:
    (line,) = misfits(profile('reliable'), None, [peer('late', '/', 'reliable', latched=True)])
    assert line.startswith('/late: ') and 'transient local' in line.lower()
    assert misfits(profile('reliable', latched=True), None, [peer('late', '/', 'reliable', latched=True)]) == []


def test_nobody_there_is_no_misfit() -> None:
    assert misfits(profile('reliable'), None, []) == []


def test_both_kinds_of_misfits_are_a_warning_by_name_in_the_diagnostics_and_in_the_log(
    tiny_model: Any, running: Callable[..., Any], client: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    running(tiny_model, reliability='reliable')
    values: list[tuple[int, str]] = []

    def note(message: DiagnosticArray) -> None:
        values.extend((s.level[0], s.message) for s in message.status if s.name == '/davss: /image')

    client.node.create_subscription(DiagnosticArray, '/diagnostics', note, 10)
    client.node.create_publisher(Image, '/image', profile('best_effort'))
    client.node.create_subscription(Image, '/davss/label', lambda message: None, profile('reliable', latched=True))
    names = ('/image: publisher /client: ', '/davss/label: subscriber /client: ')
    client.run_until(lambda: bool(values) and all(name in values[-1][1] for name in names))
    assert values and all(name in values[-1][1] for name in names), values[-1:]
    assert values[-1][0] == DiagnosticStatus.WARN[0]
    logged = [
        line for line in capfd.readouterr().err.splitlines() if '[davss]: incompatible quality of service' in line
    ]
    assert logged and '[WARN]' in logged[0] and any(name in logged[0] for name in names)
