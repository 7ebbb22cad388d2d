# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``--live``: the bags through the running node, in processes of its own, and what came of it."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from davss_ros.errors import DataError
from davss_ros.evaluate.bags.job import Job
from davss_ros.evaluate.bags.plan import BagPlan
from davss_ros.evaluate.bags.store import ROWS


def check_live(job: Job, plans: Mapping[Path, BagPlan]) -> dict[str, Any]:
    """Return by bag and policy: ``sent``, ``out``, ``dropped``, ``latency_ms``, ``same`` and ``different`` labels.

    Raises:
        DataError: ROS 2 is not there, or the node does not come up.
    """
    return {plan.name: _bag(job, bag, plan) for bag, plan in plans.items()}


def _bag(job: Job, bag: Path, plan: BagPlan) -> dict[str, Any]:
    request = {
        'bag': str(bag.resolve()),
        'name': plan.name,
        'cameras': {camera.topic: camera.name for camera in job.cameras(bag)},
        'values': dict(job.values),
        'rows': str((job.out / ROWS).resolve()),
    }
    # a domain of its own, so that no other node hears the bag
    domain = str(random.SystemRandom().randrange(1, 101))
    beside = {
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'ROS_DOMAIN_ID': domain,
        'OMP_NUM_THREADS': str(job.threads),
    }
    with TemporaryDirectory() as folder:
        file = Path(folder) / 'request.json'
        file.write_text(json.dumps(request))
        done = subprocess.run(
            [sys.executable, '-m', 'davss_ros', 'live_check', str(file)],
            env={**os.environ, **beside},
            stdout=subprocess.PIPE,
            check=False,
            text=True,
        )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise DataError(f'--live: {bag}: no result; is ROS 2 there? See the messages above')
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def differs(found: Mapping[str, Any]) -> bool:
    """Return whether labels differ though nothing was dropped."""
    return any(outcome['different'] and not outcome['dropped'] for bag in found.values() for outcome in bag.values())
