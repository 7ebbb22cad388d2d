# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``junit.xml``: what a CI shows of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from davss_ros.errors import ConfigError
from davss_ros.evaluate.bags.figures import NAMES


def wrong_in(results: Mapping[str, Any]) -> dict[str, str]:
    """Return what went wrong with bags, in the run as given and in its variants (``NAME: BAG``): a line each."""
    runs = {'': results} | results.get('variants', {})
    wrong: dict[str, str] = {}
    for name, run in runs.items():
        before = f'{name}: ' if name else ''
        wrong |= {f'{before}{bag}': line for bag, line in run['failed'].items()}
        for bag, summary in run['bags'].items():
            rows = summary['frames'] + sum(summary['skipped'].values())
            if rows != summary['asked_for'] and bag not in run['failed']:
                wrong[f'{before}{bag}'] = f'{rows} of {summary["asked_for"]} frames: the run was cut off'
            elif not summary['frames']:
                wrong.setdefault(f'{before}{bag}', 'no frame could be segmented')
    return wrong


def write_junit(path: Path, results: Mapping[str, Any], max_loss: float | None) -> None:
    """Write a test case for every bag, and one for the loss against a baseline.

    Raises:
        ConfigError: junitparser is not installed.
    """
    try:
        from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite
    except ImportError as error:
        raise ConfigError("junit.xml needs the package junitparser: pip install 'davss_ros[bags]'") from error
    suite, wrong = TestSuite('evaluate_bag'), wrong_in(results)
    name = NAMES.get(results['against'], ('', ''))[0]
    for bag, summary in results['bags'].items():
        case = TestCase(
            'frames', bag, sum(summary['latency_ms'].get(key, 0) for key in ('mean',)) * summary['frames'] / 1e3
        )
        figure = f'{name} {summary[name]:.3f}, ' if name and summary[name] is not None else ''
        case.system_out = f'{figure}{summary["frames"]} of {summary["asked_for"]} frames'
        if bag in wrong and bag not in results['failed']:
            case.result = [Failure(wrong[bag])]
        suite.add_testcase(case)
    for bag, line in wrong.items():
        if bag in results['bags'] and bag not in results['failed']:
            continue  # said above
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
