# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Which frames of a bag are segmented, in which order, with which labels; and how a bag is parted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import SemanticClass
from davss_ros.errors import DataError
from davss_ros.evaluate.bags.job import Camera, Job, LabelSource, Span, Task
from davss_ros.evaluate.bags.labels import FolderLabels, LabelReader, TopicLabels, label_files
from davss_ros.evaluate.bags.matching import Matches, match_stamps
from davss_ros.evaluate.bags.recording import all_messages, image_times, topic_times
from davss_ros.evaluate.bags.timeline import Selection, Timeline, expected_keys
from davss_ros.recordings.findings import Findings

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class BagPlan:
    """What is known of a bag before any picture is decoded.

    Attributes:
        bag: where it lies.
        name: of the bag in results.
        timelines: topic -> times of all its messages.
        numbers: topic -> numbers of the messages to segment, in their order.
        sources: topic -> where its labels are, if there are any.
        matches: topic -> which label belongs to which message.
        classes: of the model.
        remarks: what is odd about the bag.
    """

    bag: Path
    name: str
    timelines: Mapping[str, Timeline]
    numbers: Mapping[str, Numbers]
    sources: Mapping[str, LabelSource]
    matches: Mapping[str, Matches]
    classes: tuple[SemanticClass, ...]
    remarks: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of frames to segment, of all cameras."""
        return sum(map(len, self.numbers.values()))

    def label_reader(self, topic: str) -> TopicLabels | FolderLabels | None:
        """Return a reader of the labels of a topic, for frames in their order; None without labels."""
        source = self.sources.get(topic)
        if source is None:
            return None
        label_of = self.matches[topic].label_of
        reader = LabelReader(self.classes, source.classes or self.classes)
        if source.folder is not None:
            return FolderLabels(label_files(folder_of(source, self.bag))[0], label_of, reader)
        return TopicLabels(all_messages(self.bag, source.topic), label_of, reader)


def plan_bag(bag: Path, job: Job, classes: tuple[SemanticClass, ...]) -> BagPlan:
    """Look through a bag.

    Raises:
        DataError: the bag cannot be read, or nothing of it is asked for, or its labels do not fit.
    """
    cameras = job.cameras(bag)
    findings = Findings(str(bag))
    timelines = {camera.topic: image_times(bag, camera.topic, findings) for camera in cameras}
    received = [line.received for line in timelines.values() if len(line.received)]
    began = min((int(times.min()) for times in received), default=0)
    selection = Selection(job.start, job.duration, job.every)
    numbers = {topic: line.chosen(selection, began) for topic, line in timelines.items()}
    if not any(map(len, numbers.values())):
        lasts = max((int(times.max()) for times in received), default=0) - began
        raise DataError(
            f'{bag}: no frame is asked for: it lasts {lasts / 1e9:.1f} s, --start is {job.start:g}'
            + (f' and --duration {job.duration:g}' if job.duration else '')
        )
    sources = {c.topic: source for c in cameras if (source := job.labels_of(c, cameras)) is not None}
    if job.labels and not sources:
        raise DataError(
            f'{bag}: labels: name the camera that they are of, --labels CAMERA=...; cameras: '
            f'{", ".join(c.topic for c in cameras)}'
        )
    matches = {topic: _matches(bag, source, timelines[topic], numbers[topic]) for topic, source in sources.items()}
    for source in sources.values():
        LabelReader(classes, source.classes or classes)
    return BagPlan(bag, job.name(bag), timelines, numbers, sources, matches, classes, tuple(findings.remarks))


def folder_of(source: LabelSource, bag: Path) -> Path:
    """Return the folder of a bag's labels: of several bags that of its name."""
    assert source.folder is not None
    own = [source.folder / name for name in (bag.name, bag.stem) if (source.folder / name).is_dir()]
    return own[0] if own else source.folder


def _matches(bag: Path, source: LabelSource, line: Timeline, numbers: Numbers) -> Matches:
    if source.folder is None:
        labels = topic_times(bag, source.topic).stamps
        if not len(labels):
            raise DataError(f'{bag}: labels: no message on {source.topic}')
        return _of_the_selection(line, numbers, labels, source.tolerance)
    paths, found = label_files(folder_of(source, bag))
    if found is not None:
        return _of_the_selection(line, numbers, found, source.tolerance)
    if len(paths) != len(line.stamps):
        raise DataError(
            f'{folder_of(source, bag)}: expected names with stamps (1700000000250000000.png or '
            f'1700000000.250000000.png), or a file for each of the {len(line.stamps)} frames, found {len(paths)} files'
        )
    return match_stamps(np.arange(len(numbers)), np.arange(len(numbers)), 0.0).renamed(
        numbers.tolist(), line.order().argsort()[numbers].tolist()
    )


def _of_the_selection(line: Timeline, numbers: Numbers, labels: Numbers, tolerance: float) -> Matches:
    """Match the frames that are asked for; labels of those that are not are no labels without a frame."""
    found = match_stamps(line.stamps[numbers], labels, tolerance, numbers.tolist())
    every = match_stamps(line.stamps, labels, tolerance)
    found.counts['labels_without_frame'] = every.counts['labels_without_frame']
    return found


def tasks_of(plan: BagPlan, cameras: Sequence[Camera], pieces: int = 1) -> list[Task]:
    """Part a bag into pieces that begin with key frames, each far enough ahead of its own frames.

    Where the segmenter really has its key frames is known only afterwards (a cut in the scene brings another one), so
    whoever joins the pieces has to look whether they fit, see `davss_ros.evaluate.bags.join`.
    """
    spans = {camera.topic: _spans(plan, camera, _cuts(plan, pieces)) for camera in cameras}
    tasks = [
        Task(plan.bag, {topic: parts[i] for topic, parts in spans.items()}, f'{plan.name}.{pieces}.{i}')
        for i in range(pieces)
    ]
    return [task for task in tasks if any(span.end > span.begin for span in task.spans.values())]


def _cuts(plan: BagPlan, pieces: int) -> list[int]:
    """Return times of reception that part the frames of all cameras evenly."""
    times = np.sort(np.concatenate([plan.timelines[topic].received[n] for topic, n in plan.numbers.items()]))
    return [int(times[len(times) * i // pieces]) for i in range(1, pieces)]


def _spans(plan: BagPlan, camera: Camera, cuts: Sequence[int]) -> list[Span]:
    numbers, line, config = plan.numbers[camera.topic], plan.timelines[camera.topic], camera.config.segmenter
    keys = np.flatnonzero(expected_keys(line.stamps[numbers], camera.interval, config.longest_gap, camera.phase))
    keys = keys if camera.forgets else keys[:1]
    received = line.received[numbers][keys]
    begins = [0]
    for cut in cuts:
        later = keys[(received >= cut) & (keys >= begins[-1])]
        begins.append(int(later[0]) if len(later) else len(numbers))
    begins.append(len(numbers))
    spans = []
    for begin, end in pairwise(begins):
        before = keys[keys < begin]
        first = int(before[-1]) if len(before) and end > begin else begin
        spans.append(Span(first, begin, end, first))
    return spans
