# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Is a camera well? A level and a reason, from two reports and the thresholds."""

from collections.abc import Mapping
from enum import IntEnum

from davss_ros.core.node_config import NodeConfig
from davss_ros.ros.statistics import HARMLESS, Report


class Level(IntEnum):
    """As in diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2


def judge(report: Report, before: Report, config: NodeConfig, *, active: bool) -> tuple[Level, str]:
    """Return the worst level that applies, and every reason for one above OK.

    Args:
        report: now.
        before: at the last look, or at the start.
        config: the thresholds.
        active: whether the node listens.
    """
    if not active:
        return Level.OK, 'inactive'
    found: list[tuple[Level, str]] = []
    if report.failures >= config.error_failures:
        found.append((Level.ERROR, f'{report.failures} frames failed in a row'))
    new = {reason: count - before.unfinished.get(reason, 0) for reason, count in report.unfinished.items()}
    left = {reason: count for reason, count in new.items() if reason not in HARMLESS}
    bad, received = sum(left.values()), report.received - before.received
    share = bad / max(received + left.get('lost', 0), bad, 1)
    found += _above(share, config.warn_loss, config.error_loss, _listed(left))
    p95 = report.latency_ms['p95']
    if received or bad:
        warn, error = config.warn_latency or float('inf'), config.error_latency or float('inf')
        found += _above(p95, min(warn, error), error, f'p95 latency {p95:.0f} ms')
    if config.warn_silence and report.silence > config.warn_silence:
        found.append((Level.WARN, f'no frame for {report.silence:.1f} s'))
    if found:
        return max(level for level, _ in found), '; '.join(reason for _, reason in found)
    period = max(report.when - before.when, 1e-3)
    rate = f'{(report.published - before.published) / period:.1f} frames/s'
    return Level.OK, ', '.join(filter(None, (rate, _listed(new))))


def _listed(counts: Mapping[str, int]) -> str:
    return ', '.join(f'{count} {reason}' for reason, count in counts.items() if count)


def _above(value: float, warn: float, error: float, words: str) -> list[tuple[Level, str]]:
    if value > error:
        return [(Level.ERROR, words)]
    return [(Level.WARN, words)] if value > warn else []
