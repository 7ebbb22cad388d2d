# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The main figures for the terminal."""

from collections.abc import Mapping
from typing import Any

from davss_ros.evaluate.bags.figures import NAMES

TITLES = {'miou': 'mIoU', 'agreement': "agreement with the key network's labels"}


def summary(results: Mapping[str, Any]) -> str:
    """Return the main figures as text."""
    name = NAMES.get(results['against'], ('', ''))[0]
    lines = [_line(bag, figures, name) for bag, figures in results['bags'].items()]
    if len(results['bags']) > 1:
        lines.append(_line('all', results['all'], name))
    for variant, figures in results.get('variants', {}).items():
        lines.append(_line(variant, figures['all'], name))
    for bag, policies in results.get('live', {}).items():
        for policy, outcome in policies.items():
            labels = outcome['same'] + outcome['different']
            played = f'{outcome["sent"]} sent, {outcome["dropped"]} dropped'
            why = ', as they do once a frame is dropped' if outcome['dropped'] and outcome['different'] else ''
            lines.append(f'{bag} live, {policy}: {played}, {outcome["different"]} of {labels} labels differ{why}')
    if results['partial']:
        lines.append('partial: not all frames were evaluated')
    return '\n'.join(lines)


def _line(title: str, figures: Mapping[str, Any], name: str) -> str:
    parts = [f'{title}: {figures["frames"]} frames']
    if name:
        value = figures[name]
        figure = '-' if value is None else f'{value:.2f}'
        parts.append(f'{TITLES[name]} {figure} on {figures["counted"]}')
        streaming = figures[f'streaming_{name}']
        if streaming is not None:
            parts.append(f'streaming {streaming:.2f}')
    if figures['latency_ms']:
        parts.append(f'p50 {figures["latency_ms"]["p50"]:.0f} ms, p95 {figures["latency_ms"]["p95"]:.0f} ms')
    parts.append(f'{sum(figures["key_frames"].values())} key frames')
    if figures['dropped_if_live']['dropped']:
        parts.append(f'{figures["dropped_if_live"]["dropped"]} would be dropped live')
    if figures['skipped']:
        parts.append(f'{sum(figures["skipped"].values())} skipped')
    return ', '.join(parts)
