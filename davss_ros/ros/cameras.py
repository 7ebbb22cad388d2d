# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""All cameras of a node: each made for a worker, which serves it by its own model."""

from collections.abc import Callable, Sequence

from rclpy.node import Node

from davss_ros.core.batching import faster_together, worker_count
from davss_ros.core.groups import Grouping, load_grouping, ungrouped
from davss_ros.core.key_frames import staggered_phase
from davss_ros.core.model import Model, load_model
from davss_ros.core.parameters import Settings
from davss_ros.core.segmenter import VideoSegmenter
from davss_ros.engines.device import choose_device
from davss_ros.ros.camera import Camera
from davss_ros.ros.outputs import Outputs
from davss_ros.ros.worker import Worker
from davss_ros.ros.workers import Workers


class Cameras:
    """Makes and takes down the cameras of ``node`` and the models that they are served by.

    Attributes:
        by_name: the cameras; none before `make` and after `destroy`.
        models: of each worker its own, all alike.
    """

    def __init__(self, node: Node, workers: Workers) -> None:
        self._node, self._workers = node, workers
        self.by_name: dict[str, Camera] = {}
        self.models: list[Model] = []
        self.batching = False

    def make(self, settings: Settings, opacity: Callable[[], float]) -> Grouping:
        """Load models, make the cameras and give them to workers; return what their labels mean.

        Whatever fails, `destroy` makes good.

        Args:
            settings: of the node.
            opacity: gives that of the overlay.

        Raises:
            ConfigError, WeightsError: as `load_model` does.
        """
        names = list(settings.cameras)
        on_cpu = choose_device(settings.segmenter.device).type == 'cpu'
        count = worker_count(settings.node, len(names), self._workers.cores, on_cpu=on_cpu)
        workers = self._workers.muster(count)
        self.models = [load_model(settings.segmenter) for _ in workers]
        labels = self._labels(settings)
        self.batching = False
        for number, (worker, model) in enumerate(zip(workers, self.models, strict=True)):
            share = names[number::count]
            batching = _warm_up(model, settings, share)
            for name in share:
                self._make(name, settings, Outputs(self._node, name, labels, opacity), model, worker)
            with worker.paused():
                worker.assign([self.by_name[name] for name in share], batching=batching)
            self.batching |= batching
        self.by_name = {name: self.by_name[name] for name in names}  # in their own order
        return labels

    def destroy(self) -> None:
        """Take down cameras and models."""
        with self._workers.paused():  # by itself, so that no variable holds a camera, and with it its model, for longer
            self._workers.relieve()
            for camera in self.by_name.values():
                camera.destroy()
            self.by_name = {}
        for model in self.models:
            model.key_thread.close()
        self.models = []

    def __str__(self) -> str:
        count, workers = len(self.by_name), len(self.models)
        batches = ' in batches' if self.batching else ''
        return f'{count} camera{"s" if count > 1 else ""}{batches}{f", {workers} workers" if workers > 1 else ""}'

    def _labels(self, settings: Settings) -> Grouping:
        classes = self.models[0].classes
        groups = load_grouping(settings.segmenter.classes, classes) if settings.node.label_groups else None
        return groups or ungrouped(classes)

    def _make(self, name: str, settings: Settings, outputs: Outputs, model: Model, worker: Worker) -> None:
        """Make a camera, whose key frames never meet those of others."""
        config, count = settings.cameras[name], len(settings.cameras)
        number = list(settings.cameras).index(name)
        phase = staggered_phase(number, count, config.segmenter.key_interval)
        try:
            segmenter = VideoSegmenter(config.segmenter, model=model, key_phase=phase)
            self.by_name[name] = Camera(self._node, name, config, segmenter, outputs, worker.changed)
        except Exception:
            outputs.destroy()
            raise


def _warm_up(model: Model, settings: Settings, names: Sequence[str]) -> bool:
    """Get a worker's model ready for its cameras, and return whether their frames go in batches."""
    cameras = [settings.cameras[name] for name in names]
    together = len(names) if settings.node.batching == 'always' else 1  # on CUDA batches are tried out below
    for config, shape in {(camera.segmenter, camera.node.image_shape()) for camera in cameras}:
        VideoSegmenter(config, model=model).warm_up(shape, together)
    if len(names) == 1 or settings.node.batching != 'auto':
        return len(names) > 1 and settings.node.batching == 'always'
    return model.device.type == 'cuda' and faster_together(settings.segmenter, model, len(names))
