"""The four networks together, on their device; several segmenters may share one model."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from davss_ros.core.classes import SemanticClass, load_classes
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.device import choose_device, choose_precision
from davss_ros.errors import ConfigError, WeightsError
from davss_ros.networks.interface import CorrectionNetwork, DistortionNetwork, FlowNetwork, KeyNetwork
from davss_ros.networks.layers import channels_last, fuse
from davss_ros.networks.registry import ROLES, build
from davss_ros.networks.weights import Weights, load_into, read_weights


@dataclass(frozen=True)
class Model:
    """Networks in evaluation mode, and how they are to be used."""

    key: KeyNetwork
    flow: FlowNetwork
    distortion: DistortionNetwork
    correction: CorrectionNetwork
    classes: tuple[SemanticClass, ...]
    propagation: str
    correction_gain: float
    align_corners: bool
    device: torch.device
    precision: torch.dtype
    name: str
    checksum: str = ''  # first digits of the SHA-256 of the weights files

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Without gradients, in the model's precision."""
        half = self.precision != torch.float32
        with torch.inference_mode(), torch.autocast(self.device.type, self.precision, enabled=half):
            yield


def load_model(config: SegmenterConfig) -> Model:
    """Build the networks that ``config`` names and load their weights.

    Raises:
        ConfigError: a setting does not fit the machine or the weights.
        WeightsError: a weights file is missing, damaged, or does not fit.
    """
    device = choose_device(config.device)
    files = [read_weights(source.strip()) for source in config.weights.split(',')]
    classes = _classes(config, files)
    networks = {role: _network(role, getattr(config, role), files, len(classes), device) for role in ROLES}
    told = {name: value for w in files for name, value in w.settings.items()}
    return Model(
        **networks,
        classes=classes,
        propagation=config.propagation or told.get('propagation', 'step'),
        correction_gain=config.correction_gain or float(told.get('correction_gain', 1.0)),
        align_corners=config.align_corners,
        device=device,
        precision=choose_precision(config.precision, device),
        name=config.weights,
        checksum=_checksum(files),
    )


def _checksum(files: list[Weights]) -> str:
    digest = hashlib.sha256()
    for one in files:
        digest.update(Path(one.source).read_bytes())
    return digest.hexdigest()[:12]


def _classes(config: SegmenterConfig, files: list[Weights]) -> tuple[SemanticClass, ...]:
    counts = {w.class_count for w in files if w.class_count}
    if len(counts) > 1:
        raise WeightsError(f'weights: files of {" and ".join(map(str, sorted(counts)))} classes do not go together')
    named = [w.classes for w in files if w.classes]
    if config.classes:
        classes = load_classes(config.classes)
    elif named:
        classes = named[-1]
    else:
        raise ConfigError(
            f'classes: {files[-1].source} names none; set classes to camvid11, cityscapes19 or a YAML file'
        )
    if counts and len(classes) not in counts:
        raise ConfigError(f'classes: expected {counts.pop()}, as many as the weights have, found {len(classes)}')
    return classes


def _network(role: str, wanted: str, files: list[Weights], classes: int, device: torch.device) -> nn.Module:
    holding = [w for w in files if role in w.networks]
    name = wanted or (holding[-1].networks[role] if holding else '')
    if not name:
        raise ConfigError(f'{role}: {files[-1].source} holds none; name a network or add a file that holds one')
    network = build(role, name, classes).eval()
    if network.state_dict():
        fitting = [w for w in holding if w.networks[role] == name and role in w.states]
        if not fitting:
            raise WeightsError(f'{role}: no file in weights holds {name!r}; add one that does, separated by a comma')
        load_into(network, fitting[-1].states[role], fitting[-1].source)
    network.requires_grad_(False)
    fuse(network)
    network.to(device)
    return channels_last(network)
