# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What is made of a finished run: recording, video, report, junit.xml, picked frames."""

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from davss_ros.core.model import Model
from davss_ros.errors import ConfigError
from davss_ros.evaluate.bags.job import NOTHING, Job
from davss_ros.evaluate.bags.moments import APART, WORST, made_again, moments, share_wrong
from davss_ros.evaluate.bags.part import PARTS, numbered_files
from davss_ros.evaluate.bags.pick import pick
from davss_ros.evaluate.bags.plan import BagPlan
from davss_ros.evaluate.bags.record import join_recording, recorded_frames, topic_of
from davss_ros.evaluate.bags.report import report
from davss_ros.evaluate.bags.rows import FrameRow
from davss_ros.evaluate.bags.store import ROWS
from davss_ros.evaluate.bags.video import write_video

RECORD, VIDEO, PICKED = 'record', 'video', 'picked'


def write_recordings(job: Job, plans: Mapping[Path, BagPlan], model: Model, *, record: bool, video: bool) -> None:
    """Join what the tasks recorded into a bag each, and make videos of it."""
    for bag, plan in plans.items():
        files = _recorded(job, plan)
        if not files:
            continue
        folder = job.out / RECORD / plan.name
        if folder.is_dir():
            shutil.rmtree(folder)
        joined = join_recording(files, folder, model.classes)
        if video:
            for camera in job.cameras(bag):
                name = f'{plan.name}_{camera.name}' if camera.name else plan.name
                write_video(joined, topic_of(camera, 'overlay'), job.out / VIDEO / f'{name}.mp4', model.classes)
        if not record:
            shutil.rmtree(folder)
    if not record and (job.out / RECORD).is_dir():
        (job.out / RECORD).rmdir()


def _recorded(job: Job, plan: BagPlan) -> list[Path]:
    """Return what was recorded of a bag: of runs that parted it otherwise, that which went to the end."""
    by_pieces: dict[str, list[Path]] = {}
    for path in numbered_files(job.out / PARTS, plan.name, 3):  # pieces, task and attempt
        by_pieces.setdefault(path.name.removeprefix(f'{plan.name}.').partition('.')[0], []).append(path)

    def frames(files: list[Path]) -> int:
        return sum(map(len, recorded_frames(files, job.record[-1]).values()))

    return max(by_pieces.values(), key=frames, default=[])


def write_report(path: Path, results: Mapping[str, Any], job: Job, plans: Mapping[Path, BagPlan], model: Model) -> None:
    """Write the page, with the worst moments as pictures."""
    classes = len(model.classes)

    def score(row: FrameRow) -> float | None:
        return row.distortion if job.against == NOTHING else share_wrong(row, classes)

    worst = moments(job.out / ROWS, score, WORST, APART)
    looks = list(made_again(worst, job, plans, model))
    path.write_text(report(results, job.out / ROWS, looks, model.classes), encoding='utf-8')


def write_picked(job: Job, plans: Mapping[Path, BagPlan], model: Model, count: int) -> None:
    """Write the most telling frames, and say where."""
    folder = job.out / PICKED
    if folder.is_dir():
        shutil.rmtree(folder)
    written = pick(folder, count, job, plans, job.out / ROWS, model)
    print(f'{folder}: {written} frames; correct the proposals, put them into labels/, then train --data {folder}')


def optional(name: str, write: Callable[..., None], *arguments: Any) -> None:
    """Call ``write``; where a package for it is missing, say so."""
    try:
        write(*arguments)
    except ConfigError as error:
        print(f'{name} was not written: {error}', file=sys.stderr)
