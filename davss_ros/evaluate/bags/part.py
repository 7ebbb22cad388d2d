# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""One task in whatever process: its rows into a file of its own, going on where an earlier attempt was cut off."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import torch

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model, load_model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.evaluate.bags.job import Job, Task
from davss_ros.evaluate.bags.plan import BagPlan
from davss_ros.evaluate.bags.record import Recording, recorded_frames, topic_of
from davss_ros.evaluate.bags.rows import FrameRow, to_line
from davss_ros.evaluate.bags.run import run_task
from davss_ros.evaluate.bags.store import append, earlier_rows, trim

PARTS = 'parts'


@dataclass(frozen=True)
class Work:
    """A task with all it takes."""

    task: Task
    plan: BagPlan
    job: Job

    @property
    def rows(self) -> Path:
        """File of its rows."""
        return self.job.out / PARTS / f'{self.task.name}.jsonl'


def do(work: Work) -> Path:
    """Do the work, or what is left of it, and return the file of its rows.

    Raises:
        DavssError: what is wrong with bag, labels or settings.
        OSError: the rows cannot be written.
    """
    work.rows.parent.mkdir(parents=True, exist_ok=True)
    for _ in appended_rows(work, work.rows):
        pass
    return work.rows


def appended_rows(work: Work, path: Path) -> Iterator[FrameRow]:
    """Yield the rows of the task that ``path`` does not hold yet, each once it is written there."""
    task, plan, job = work.task, work.plan, work.job
    if job.record:
        _keep_what_is_recorded(work, path)
    cameras = job.cameras(task.bag)
    earlier = earlier_rows(path, job.name(task.bag), cameras)
    if earlier.count >= sum(span.end - span.first for span in task.spans.values()):
        return
    set_threads(job.threads)
    model = model_of(job.settings.segmenter)
    part = job.out / PARTS / f'{task.name}.{len(recordings(work))}.mcap'
    left = earlier.resumed(task, plan, cameras)
    with path.open('ab', buffering=0) as file, Recording(job, model.classes, part) as recording:
        for row in run_task(left, plan, job, model, earlier.rows, recording):
            append(file, path, to_line(row).encode())
            yield row


def recordings(work: Work) -> list[Path]:
    """Return the files into which the attempts at a task recorded, in their order."""
    return numbered_files(work.job.out / PARTS, work.task.name, 1)


def numbered_files(folder: Path, name: str, numbers: int) -> list[Path]:
    """Return the recordings called ``name`` and so many numbers, parted by dots, in the order of these."""
    form = re.compile(re.escape(name) + r'\.(\d+)' * numbers + r'\.mcap')
    found = {path: match for path in folder.glob('*.mcap') if (match := form.fullmatch(path.name))}
    return sorted(found, key=lambda path: [int(number) for number in found[path].groups()])


def _keep_what_is_recorded(work: Work, path: Path) -> None:
    """Cut off rows of frames whose outputs were not written to the end."""
    found = recorded_frames(recordings(work), work.job.record[-1])
    written = {
        camera.topic: found.get(topic_of(camera, work.job.record[-1]), set())
        for camera in work.job.cameras(work.task.bag)
    }
    begin = {topic: work.plan.numbers[topic][: span.begin] for topic, span in work.task.spans.items()}
    early = {topic: set(numbers.tolist()) for topic, numbers in begin.items()}
    trim(
        path,
        work.job.name(work.task.bag),
        lambda row: bool(row.skipped) or row.n in early[row.camera] or (row.received, row.stamp) in written[row.camera],
    )


def set_threads(count: int) -> None:
    """Let the networks and OpenCV, whose flow is parted by threads, use so many."""
    torch.set_num_threads(count)
    cv2.setNumThreads(count)


def model_of(config: SegmenterConfig) -> Model:
    """Return the model of settings, loaded and warmed once a process; settings that a model knows nothing of aside."""
    free = ('changeable', 'per_camera')
    plain: dict[str, Any] = {
        setting.name: setting.default for setting in fields(config) if any(map(setting.metadata.get, free))
    }
    return _loaded(replace(config, **plain, mode='davss'))


@lru_cache(maxsize=1)
def _loaded(config: SegmenterConfig) -> Model:
    model = load_model(config)
    VideoSegmenter(config, model=model).warm_up()
    return model
