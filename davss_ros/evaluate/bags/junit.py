# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``junit.xml``: what a CI shows of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from davss_ros.errors import ConfigError
from davss_ros.evaluate.bags.figures import NAMES


def write_junit(path: Path, results: Mapping[str, Any], max_loss: float | None) -> None:
    """Write a test case for every bag, and one for the loss against a baseline.

    Raises:
        ConfigError: junitparser is not installed.
    """
    try:
        from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite
    except ImportError as error:
        raise ConfigError("junit.xml needs the package junitparser: pip install 'davss_ros[bags]'") from error
    suite = TestSuite('evaluate_bag')
    name = NAMES.get(results['against'], ('', ''))[0]
    for bag, summary in results['bags'].items():
        case = TestCase(
            'frames', bag, sum(summary['latency_ms'].get(key, 0) for key in ('mean',)) * summary['frames'] / 1e3
        )
        figure = f'{name} {summary[name]:.3f}, ' if name and summary[name] is not None else ''
        case.system_out = f'{figure}{summary["frames"]} of {summary["asked_for"]} frames'
        rows = summary['frames'] + sum(summary['skipped'].values())
        if rows < summary['asked_for']:
            case.result = [Failure(f'{rows} of {summary["asked_for"]} frames: the run was cut off')]
        elif not summary['frames']:
            case.result = [Failure('no frame could be segmented')]
        suite.add_testcase(case)
    for bag, line in results['failed'].items():
        case = TestCase('failed', bag)
        case.result = [Error(line)]
        suite.add_testcase(case)
    if 'comparison' in results and name in results['comparison']:
        case, change = TestCase('loss', 'baseline'), results['comparison'][name]
        case.system_out = f'{name}: {change["baseline"]} before, {change["now"]} now, interval {change["interval"]}'
        if max_loss is not None and change['change'] is not None and -change['change'] > max_loss:
            case.result = [Failure(f'{name} fell by {-change["change"]:.3f}, more than {max_loss:g}')]
        suite.add_testcase(case)
    xml = JUnitXml()
    xml.add_testsuite(suite)
    xml.write(str(path), pretty=True)
