# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Going through a task: the node's own step on every frame, and a row for each."""

import hashlib
import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.classes import VOID
from davss_ros.core.frames import check_frame
from davss_ros.core.model import Model
from davss_ros.core.result import FrameResult
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.errors import DataError, FrameError
from davss_ros.evaluate.bags.job import KEY_NETWORK, NOTHING, Camera, Job, Task
from davss_ros.evaluate.bags.plan import BagPlan
from davss_ros.evaluate.bags.recording import NumberedFrame, numbered_frames
from davss_ros.evaluate.bags.rows import FrameRow, sparse
from davss_ros.evaluate.bags.simulation import Coming, SimulatedNode
from davss_ros.evaluate.confusion import ConfusionMatrix
from davss_ros.evaluate.map_quality import COARSE, MapQuality
from davss_ros.evaluate.overheard import OverheardDistortion
from davss_ros.images.bit_depth import BitDepth

Labels = NDArray[np.uint8]
UNSURE = 0.5  # confidence, 0 to 1, below which a label is not sure


@dataclass(frozen=True)
class Segmented:
    """A frame that was segmented, for whoever looks on."""

    camera: Camera
    frame: NumberedFrame
    result: FrameResult
    row: FrameRow
    reference: Labels | None


Observer = Callable[[Segmented], None]  # looks on while frames that count are segmented


@dataclass
class _Stream:
    """What one camera needs from frame to frame."""

    camera: Camera
    segmenter: VideoSegmenter
    single: VideoSegmenter  # the key network on every frame
    labels: Any  # of the frames, by number; or None
    begin: int  # place of the first frame that counts
    encoding: str = ''
    earlier: dict[int, FrameRow] = field(default_factory=dict)  # rows of an earlier run


def run_task(
    task: Task,
    plan: BagPlan,
    job: Job,
    model: Model,
    earlier: Mapping[str, Mapping[int, FrameRow]] | None = None,
    observe: Observer | None = None,
) -> Iterator[FrameRow]:
    """Segment the frames of a task in the order in which they were received, and yield a row for each.

    Rows of frames before those that count come too: whoever joins parts compares them with those of the part before.

    Args:
        task: which frames.
        plan: of its bag.
        job: settings and labels.
        model: as the settings say.
        earlier: topic -> number -> row that an earlier run left; these frames are segmented where later ones need it,
            compared, and not given again.
        observe: looks on.

    Raises:
        DataError: a frame that is known has other labels now.
    """
    overheard = OverheardDistortion(model, 0)
    streams = {}
    for camera in job.cameras(task.bag):
        span = task.spans[camera.topic]
        config = camera.config.segmenter
        phase = None if camera.phase is None else (camera.phase + span.steps) % config.key_interval
        streams[camera.topic] = _Stream(
            camera,
            VideoSegmenter(config, model=overheard.model, key_phase=phase),
            VideoSegmenter(replace(config, mode='per_frame'), model=model),
            plan.label_reader(camera.topic),
            span.begin,
            earlier=dict((earlier or {}).get(camera.topic, {})),
        )
    node = SimulatedNode({topic: stream.camera.config for topic, stream in streams.items()})
    for place, frame in _merged(task, plan, streams):
        stream = streams[frame.topic]
        row, result, reference = _segment(stream, frame, job.name(task.bag), job, overheard, node)
        before = stream.earlier.get(frame.n)
        if before is not None:
            if (before.labels, before.skipped) != (row.labels, row.skipped):
                raise DataError(
                    f'{task.bag}: {frame.topic}, message {frame.n}: other labels than in the earlier run, which was '
                    'made by other settings, another engine or machine; start anew with --overwrite'
                )
            continue
        if observe is not None and result is not None and place >= stream.begin:
            observe(Segmented(stream.camera, frame, result, row, reference))
        yield row


def _merged(task: Task, plan: BagPlan, streams: Mapping[str, _Stream]) -> Iterator[tuple[int, NumberedFrame]]:
    sources = [
        numbered_frames(
            task.bag,
            topic,
            plan.timelines[topic],
            plan.numbers[topic],
            range(span.first, span.end),
            BitDepth(streams[topic].camera.config.node.bit_depth, topic),
        )
        for topic, span in task.spans.items()
    ]
    return heapq.merge(*sources, key=lambda item: item[1].received) if len(sources) > 1 else iter(sources[0])


def _segment(
    stream: _Stream, frame: NumberedFrame, bag: str, job: Job, overheard: OverheardDistortion, node: SimulatedNode
) -> tuple[FrameRow, FrameResult | None, Labels | None]:
    row = FrameRow(bag, frame.topic, frame.n, frame.stamp, frame.received)
    if frame.image is None:
        return replace(row, skipped=frame.problem), None, None
    try:
        check_frame(frame.image)
    except FrameError as error:
        return replace(row, skipped=str(error)), None, None
    if stream.encoding not in ('', frame.encoding):
        stream.segmenter.reset('encoding')
    stream.encoding = frame.encoding
    result = stream.segmenter.step(frame.image, frame.stamp)
    reference, problem = _reference(stream, frame, result, job)
    labels = None if job.against == NOTHING else result.labels
    key = result.key_reason if result.is_key else ''
    arrival = node.arrive(frame.topic, Coming(frame.received, key, result.timings['total'], labels))
    row = replace(
        row,
        key=key,
        taken='' if result.is_key else result.key_reason,
        distance=result.distance,
        labels=hashlib.blake2b(result.labels.tobytes(), digest_size=8).hexdigest(),
        size=(result.labels.shape[0], result.labels.shape[1]),
        ms={stage: round(value, 3) for stage, value in result.timings.items()},
        distortion=round(result.mean_distortion, 6),
        unsure=round(float((result.confidence < UNSURE).mean()), 6),
        live={'dropped': arrival.dropped, 'ms': _rounded(arrival.latencies)},
        unlabelled=problem,
    )
    if reference is None:
        return row, result, None
    classes = len(stream.segmenter.model.classes)
    row = replace(
        row,
        counts=_counts(result.labels, reference, classes),
        streaming=None if arrival.shown is None else _counts(arrival.shown, reference, classes),
        map=_map(stream, result, reference, overheard),
    )
    return row, result, reference


def _reference(stream: _Stream, frame: NumberedFrame, result: FrameResult, job: Job) -> tuple[Labels | None, str]:
    """Return what the labels are compared with, and what is wrong with it."""
    assert frame.image is not None
    if job.against == KEY_NETWORK:
        return (result.labels if result.is_key else stream.single.step(frame.image).labels), ''
    if stream.labels is None:
        return None, ''
    try:
        return stream.labels.labels(frame.n, frame.image.shape[:2]), ''
    except (DataError, FrameError) as error:
        return None, str(error)


def _counts(labels: Labels, reference: Labels, classes: int) -> list[int] | None:
    if labels.shape != reference.shape:  # what was shown before the size changed
        return None
    confusion = ConfusionMatrix(classes)
    confusion.add(labels, reference)
    return sparse(confusion.counts)


def _map(
    stream: _Stream, result: FrameResult, reference: Labels, overheard: OverheardDistortion
) -> dict[str, Any] | None:
    """Return the distortion map against [propagated label is wrong], on the pixels with a label."""
    if result.is_key or stream.camera.config.segmenter.mode != 'davss':
        return None
    quality, labelled = MapQuality(COARSE), reference != VOID
    propagated = overheard.labels(reference.shape, stream.camera.config.segmenter.working_height)
    quality.add(result.distortion[labelled], (propagated != reference)[labelled])
    return quality.sparse()


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 3) for value in values]
