# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What ``results.json`` of ``evaluate_bag`` holds besides the figures: whose they are, and where they come from."""

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from davss_ros.core.model import Model
from davss_ros.evaluate.bags.figures import Figures
from davss_ros.evaluate.bags.job import Job
from davss_ros.evaluate.bags.labels import label_files
from davss_ros.evaluate.bags.plan import BagPlan, folder_of
from davss_ros.evaluate.bags.recording import storage_files
from davss_ros.evaluate.bags.rows import read_rows
from davss_ros.evaluate.provenance import provenance, sha256
from davss_ros.networks.weights import locate


def figures_of(job: Job, plans: Mapping[Path, BagPlan], rows: Path) -> dict[str, Any]:
    """Return the figures by bag and in all."""
    plan_of = {plan.name: plan for plan in plans.values()}
    counts = {(plan.name, topic): len(numbers) for plan in plans.values() for topic, numbers in plan.numbers.items()}
    names = [c.name for c in next(iter(plans.values())).classes]
    figures = Figures(names, job.against, counts, job.settings.segmenter.longest_gap)
    for row in read_rows(rows):
        if row.bag in plan_of:
            figures.add(row)
    bags = figures.bags()
    for name, summary in bags.items():
        plan = plan_of[name]
        summary['cameras'] = list(plan.numbers)
        summary['asked_for'] = plan.count
        summary['remarks'] = list(plan.remarks)
        if plan.matches:
            summary['labels'] = {topic: dict(matches.counts) for topic, matches in plan.matches.items()}
    return {'bags': bags, 'all': figures.all()}


def fingerprint(
    job: Job, plans: Mapping[Path, BagPlan], model: Model, variants: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return all that decides the rows, to be compared before a run goes on with another's.

    Args:
        job: what to do.
        plans: of the bags.
        model: the networks.
        variants: name -> parameters that it changes.
    """
    return {
        'data': {
            'bags': {plan.name: bag_checksum(bag) for bag, plan in plans.items()},
            'topics': {plan.name: list(plan.numbers) for plan in plans.values()},
            'labels': _labels(plans),
            'start': job.start,
            'duration': job.duration,
            'every': job.every,
        },
        'against': job.against,
        'parameters': dict(job.values),
        'variants': list(variants),
        'weights': {
            '': [model.checksum, str(model.precision)],
            **{name: _checksums(str(changes['weights'])) for name, changes in variants.items() if 'weights' in changes},
        },
        'threads': job.threads,
        'record': list(job.record),
    }


def provenance_of(job: Job, model: Model, frozen: Mapping[str, Any], arguments: Sequence[str]) -> dict[str, Any]:
    """Return what the figures were measured with."""
    origin = provenance(model, job.settings.segmenter, arguments)
    origin['command'] = shlex.join(['python', '-m', 'davss_ros', 'evaluate_bag', *arguments])
    mode = {'mode': job.settings.segmenter.mode, 'key_interval': job.settings.segmenter.key_interval}
    origin['settings'] = mode | origin['settings']
    try:
        package = version('davss_ros')
    except PackageNotFoundError:
        package = 'not installed'
    return origin | {
        'data': frozen['data'],
        'parameters': frozen['parameters'],
        'threads': job.threads,
        'package': package,
    }


def _checksums(weights: str) -> list[str]:
    return [sha256(locate(source.strip())[0]) for source in weights.split(',')]


def bag_checksum(bag: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a bag, by its name."""
    return {path.name: sha256(path) for path in storage_files(bag)}


def _labels(plans: Mapping[Path, BagPlan]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for bag, plan in plans.items():
        for topic, source in plan.sources.items():
            classes = [[c.name, list(c.color)] for c in source.classes or ()]
            how = {'classes': classes, 'tolerance': source.tolerance}
            if source.folder is None:
                found[f'{plan.name} {topic}'] = {'topic': source.topic} | how
            else:
                digest = hashlib.sha256()
                for path in label_files(folder_of(source, bag))[0]:
                    digest.update(path.name.encode() + b'\0' + bytes.fromhex(sha256(path)))
                found[f'{plan.name} {topic}'] = {'sha256': digest.hexdigest()} | how
    return found
