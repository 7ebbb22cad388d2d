# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What is to be done: cameras, settings, labels; plain values that go to other processes and machines as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from davss_ros.core.classes import SemanticClass
from davss_ros.core.key_frames import staggered_phase
from davss_ros.core.parameters import CameraConfig, Settings, settings_of
from davss_ros.errors import ConfigError

LABELS, KEY_NETWORK, NOTHING = 'labels', 'key network', 'nothing'  # what is compared with


@dataclass(frozen=True)
class Camera:
    """One image topic and how it is segmented.

    Attributes:
        topic: of the images.
        name: below which its outputs are recorded; '' for ``~/label`` without a name.
        config: settings.
        phase: of its key frames, see `davss_ros.core.segmenter.VideoSegmenter`.
    """

    topic: str
    name: str
    config: CameraConfig
    phase: int | None

    @property
    def forgets(self) -> bool:
        """Whether a key frame makes all before it forgotten, so that one can begin there: where no credit is kept."""
        config = self.config.segmenter
        return config.key_frame_policy == 'fixed' or config.mode != 'davss'

    @property
    def interval(self) -> int | None:
        """Frames between key frames that are known beforehand; None where others decide."""
        config = self.config.segmenter
        if config.mode == 'per_frame':
            return 1
        inline = config.key_frame_mode == 'inline' or config.mode == 'hold'
        return config.key_interval if self.forgets and inline else None


@dataclass(frozen=True)
class LabelSource:
    """Where labels are.

    Attributes:
        topic: of the bag; or
        folder: beside it.
        classes: what the stored ids mean; None: the model's classes.
        tolerance: s between the stamps of a frame and its label.
    """

    topic: str = ''
    folder: Path | None = None
    classes: tuple[SemanticClass, ...] | None = None
    tolerance: float = 0.01


@dataclass(frozen=True)
class Span:
    """Frames of a camera, by their places among those that are asked for.

    Attributes:
        first: where the segmenter begins, with a key frame.
        begin: first frame that counts.
        end: frame behind the last one.
        steps: how many frames of the camera were segmented before ``first``.
    """

    first: int
    begin: int
    end: int
    steps: int = 0


@dataclass(frozen=True)
class Task:
    """A bag, or a part of it, to be gone through in one piece.

    Attributes:
        bag: where it lies.
        spans: topic -> what to segment.
        name: for files, unlike any other's.
    """

    bag: Path
    spans: Mapping[str, Span]
    name: str


def cameras_of(settings: Settings, topics: Sequence[str], named: Mapping[str, str]) -> tuple[Camera, ...]:
    """Return which topic is which camera of the parameters.

    Args:
        settings: with the cameras of the node.
        topics: image topics of the bag that are to be used.
        named: topic by camera, where the user said so.

    Raises:
        ConfigError: a camera of the parameters has no topic, or several.
    """
    names = [name for name in settings.cameras if name]
    if not names:
        config = settings.cameras['']
        labels = short_names(topics)
        return tuple(Camera(topic, labels[topic], config, None) for topic in topics)
    cameras = []
    for number, name in enumerate(names):
        config = settings.cameras[name]
        found = [named[name]] if name in named else [topic for topic in topics if name in topic.split('/')]
        if len(found) != 1:
            raise ConfigError(
                f'cameras: expected one image topic with {name!r} among its parts, found '
                f'{", ".join(found or topics) or "none"}; say which: --topic {name}=TOPIC'
            )
        phase = staggered_phase(number, len(names), config.segmenter.key_interval)
        cameras.append(Camera(found[0], name, config, phase))
    return tuple(cameras)


def short_names(topics: Sequence[str]) -> dict[str, str]:
    """Return a name for every topic, fit for topics below it; '' if there is only one."""
    if len(topics) == 1:
        return {topics[0]: ''}
    parts = {topic: [p for p in topic.split('/') if p] for topic in topics}
    usual = {'image', 'image_raw', 'image_color', 'image_rect', 'image_rect_color', 'compressed'}
    short = {topic: '_'.join(p for p in words if p not in usual) or '_'.join(words) for topic, words in parts.items()}
    if len(set(short.values())) < len(topics):
        return {topic: '_'.join(words) for topic, words in parts.items()}
    return short


def policies_named(values: Mapping[str, Any], *, corrects: bool) -> dict[str, Any]:
    """Return parameters with what ``key_frame_policy: auto`` means for a model in its place."""
    named = {'key_frame_policy': 'auto', **values}
    policy = 'fixed' if corrects else 'adaptive'
    return {
        name: policy if name.rpartition('.')[2] == 'key_frame_policy' and value == 'auto' else value
        for name, value in named.items()
    }


@dataclass(frozen=True)
class Job:
    """All that a task needs to know besides its frames.

    Attributes:
        values: parameters by full name.
        topics: image topics to use, by bag.
        out: folder of the results.
        names: of the bags in results; by default that of folder or file.
        named: topic by camera.
        labels: where they are, by camera or topic; '' is for the only camera.
        agreement: without labels, compare with the key network.
        start, duration, every: which part of every bag, see `davss_ros.evaluate.bags.timeline.Selection`.
        threads: of every process; sums in another order are rounded otherwise, so one number holds for all.
        record: topics of outputs to write, without the node's name.
    """

    values: Mapping[str, Any]
    topics: Mapping[Path, tuple[str, ...]]
    out: Path
    names: Mapping[Path, str] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, LabelSource] = field(default_factory=dict)
    agreement: bool = True
    start: float = 0.0
    duration: float = 0.0
    every: int = 1
    threads: int = 1
    record: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        """What the parameters amount to."""
        return settings_of(self.values)

    @property
    def against(self) -> str:
        """What is compared with."""
        return LABELS if self.labels else KEY_NETWORK if self.agreement else NOTHING

    def name(self, bag: Path) -> str:
        """Return the name of a bag in results."""
        return self.names.get(bag, bag.name)

    def cameras(self, bag: Path) -> tuple[Camera, ...]:
        """Return the cameras of a bag."""
        return cameras_of(self.settings, self.topics[bag], self.named)

    def labels_of(self, camera: Camera, cameras: Sequence[Camera]) -> LabelSource | None:
        """Return where the labels of one of the cameras are; None if there are none."""
        only = self.labels.get('') if len(cameras) == 1 else None
        return self.labels.get(camera.topic) or self.labels.get(camera.name or camera.topic) or only
