# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Videos played to segmenters at their own pace, for streaming accuracy: what comes out when, on this machine, now."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.model import Model
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.evaluate.confusion import ConfusionMatrix
from davss_ros.evaluate.streaming import Output, present_frames, serve, streaming_confusion
from davss_ros.evaluate.videos import Video

Image = NDArray[np.uint8]
LONGEST = 5 * 10**9  # ns of the videos, together, that are played
ROUNDS = 3
WAYS: Mapping[str, Mapping[str, Any]] = {  # what is played to, by name: the settings that make it
    'per_frame': {'mode': 'per_frame'},
    'davss': {'mode': 'davss', 'key_frame_mode': 'inline'},
    'davss, background': {'mode': 'davss', 'key_frame_mode': 'background'},
}


@dataclass(frozen=True)
class Clip:
    """A part of a video, in memory.

    Attributes:
        images: (H, W, 3) uint8 RGB.
        truth: (H, W) uint8 of every frame, 255 where void; None for one without.
        stamps: ns from the first frame.
    """

    images: Sequence[Image]
    truth: Sequence[Image | None]
    stamps: Sequence[int]


@dataclass(frozen=True)
class Played:
    """What came out of one clip, played once."""

    outputs: list[Output]
    labels: dict[int, Image]  # by the place of the frame
    latencies: list[int]  # ns

    def first(self, stamps: Sequence[int]) -> int:
        """Return the place of the first frame at whose instant labels are there; their number if there is none."""
        present = present_frames(stamps, self.outputs)
        return next((place for place, frame in enumerate(present) if frame is not None), len(stamps))

    def ages(self, stamps: Sequence[int], first: int) -> list[int]:
        """Return how old the labels are that are there at every instant from ``first`` on, ns."""
        present = present_frames(stamps, self.outputs)
        there = [(place, frame) for place, frame in enumerate(present) if place >= first and frame is not None]
        return [stamps[place] - stamps[frame] for place, frame in there]


def clips_of(videos: Sequence[Video], longest: int = LONGEST) -> list[Clip]:
    """Return as much of the beginnings of videos whose frames have times as ``longest`` allows, ns together."""
    clips, left = [], longest
    for video in videos:
        frames = [(frame, frame.stamp) for frame in video]
        stamps = [stamp for _, stamp in frames if stamp is not None and stamp <= left]
        if len(stamps) > 1 and all(stamp is not None for _, stamp in frames):
            images = [frame.image() for frame in video[: len(stamps)]]
            truth = [
                None if frame.labels is None else frame.labels_of(image)
                for frame, image in zip(video, images, strict=False)
            ]
            clips.append(Clip(images, truth, stamps))
            left -= stamps[-1]
    return clips


def play(clip: Clip, segmenter: VideoSegmenter) -> Played:
    """Give the frames of ``clip`` to a segmenter when they are due; those that come meanwhile are passed over."""
    segmenter.reset()
    labels: dict[int, Image] = {}
    latencies: list[int] = []
    began = time.perf_counter_ns()

    def step(place: int, start: int) -> int:
        time.sleep(max(0, began + start - time.perf_counter_ns()) / 1e9)
        before = time.perf_counter_ns()
        labels[place] = segmenter.step(clip.images[place], 1 + clip.stamps[place]).labels
        latencies.append(time.perf_counter_ns() - before)
        return latencies[-1]

    outputs = serve(clip.stamps, step)
    segmenter.reset()
    segmenter.model.key_thread.close()  # waits, so that what is begun delays nobody else
    return Played(outputs, labels, latencies)


def players(model: Model, config: SegmenterConfig, ways: Sequence[str] = tuple(WAYS)) -> dict[str, VideoSegmenter]:
    """Return a segmenter for each of ``ways``, names of `WAYS`, with ``config`` as to all else."""
    return {way: VideoSegmenter(replace(config, **WAYS[way]), model=model) for way in ways}


def streaming_scores(
    videos: Sequence[Video], segmenters: Mapping[str, VideoSegmenter], rounds: int = ROUNDS
) -> dict[str, dict[str, float]]:
    """Return what is there of each segmenter at the instants of the frames; nothing if none has labels and time.

    ``miou`` in per cent; ``age``: ms from the frame whose labels are there to the instant, mean; ``latency_p50`` and
    ``latency_p95``, ms, of those that were served, whose share is ``served``. All take turns, and the same frames count
    for all: those from which on each has labels.

    Args:
        videos: consecutive frames.
        segmenters: by name, of the same classes.
        rounds: how often each is played to.
    """
    clips = [clip for clip in clips_of(videos) if any(true is not None for true in clip.truth)]
    if not clips:
        return {}
    height, width = clips[0].images[0].shape[:2]
    for segmenter in segmenters.values():
        segmenter.warm_up((height, width))
    played: dict[str, list[list[Played]]] = {name: [[] for _ in clips] for name in segmenters}
    for _ in range(rounds):
        for number, clip in enumerate(clips):
            for name, segmenter in segmenters.items():
                played[name][number].append(play(clip, segmenter))
    first = [
        max(run.first(clip.stamps) for runs in played.values() for run in runs[number])
        for number, clip in enumerate(clips)
    ]
    classes = len(next(iter(segmenters.values())).model.classes)
    return {name: _figures(clips, runs, first, classes) for name, runs in played.items()}


def _figures(
    clips: Sequence[Clip], runs: Sequence[Sequence[Played]], first: Sequence[int], classes: int
) -> dict[str, float]:
    confusion = ConfusionMatrix(classes)
    ages: list[int] = []
    latencies: list[int] = []
    for clip, rounds, start in zip(clips, runs, first, strict=True):
        for run in rounds:
            confusion += streaming_confusion(clip.stamps, run.outputs, run.labels, clip.truth, classes, start)
            ages += run.ages(clip.stamps, start)
            latencies += run.latencies
    frames = sum(len(clip.stamps) * len(rounds) for clip, rounds in zip(clips, runs, strict=True))
    return {
        'miou': 100 * confusion.miou(),
        'age': float(np.mean(ages)) / 1e6 if ages else float('nan'),
        'latency_p50': float(np.percentile(latencies, 50)) / 1e6,
        'latency_p95': float(np.percentile(latencies, 95)) / 1e6,
        'served': len(latencies) / frames,
    }
