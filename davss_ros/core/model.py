# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The networks of a model together, on their device; several segmenters may share one model."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from davss_ros.core.background import KeyThread
from davss_ros.core.classes import SemanticClass, load_classes
from davss_ros.core.confidence import SOFTMAX, Coefficients, read_coefficients
from davss_ros.core.config import SegmenterConfig
from davss_ros.core.foreign_key import ForeignKeyNetwork, distortion_for, load_foreign_key
from davss_ros.core.windows import WORTH
from davss_ros.engines.choice import Engines, choose_engines
from davss_ros.engines.device import choose_device, choose_precision
from davss_ros.engines.engine_network import EngineNetwork, engine_of
from davss_ros.errors import ConfigError, WeightsError
from davss_ros.networks.again import KeyAgain, Mirrored, Uncorrected, at_scale
from davss_ros.networks.foreign.description import Description
from davss_ros.networks.interface import (
    CorrectionNetwork,
    DistortionNetwork,
    FlowNetwork,
    JudgeNetwork,
    KeyNetwork,
)
from davss_ros.networks.judge import Judge
from davss_ros.networks.layers import fuse
from davss_ros.networks.registry import KEY_AGAIN, ROLES, UNCORRECTED, build
from davss_ros.networks.weights import Weights, load_into, locate, read_weights

NO_GATE = 'none'


@dataclass(frozen=True)
class Model:
    """Networks in evaluation mode, and how they are to be used."""

    key: KeyNetwork
    flow: FlowNetwork
    distortion: DistortionNetwork
    correction: CorrectionNetwork
    classes: tuple[SemanticClass, ...]
    propagation: str  # `davss_ros.core.propagation.PROPAGATIONS`: step, composed or renewed
    correction_gain: float  # the correction counts by gain x distortion, at most 1
    align_corners: bool
    device: torch.device
    precision: torch.dtype  # of the networks' arithmetic: float32, bfloat16 or float16
    name: str  # of the weights, or of a foreign key network, as the settings say
    correction_share: float = 1.0  # of the frame, see `davss_ros.core.windows`
    correction_interval: int = 1  # frames from look to look, with a gate, see `davss_ros.core.look`
    correction_scale: float = 1.0  # of a frame's size, at which the network of such a look sees it
    window_worth: float = WORTH  # of a window, the share that must be expected wrong for it to be redone
    gate: JudgeNetwork | None = None  # and the distortion map; with it the correction is of the whole frame
    window: CorrectionNetwork | None = None  # what redoes windows beside a gate
    checksum: str = ''  # first digits of the SHA-256 of the weights files, and of a foreign key network's
    corrects: bool = True  # False: what was propagated stays
    description: Description | None = None  # of a foreign key network
    confidence: Coefficients = SOFTMAX  # see `davss_ros.core.confidence`
    calibrated: bool = False  # whether these were fitted
    key_thread: KeyThread = field(default_factory=KeyThread)  # for key frames beside the stream

    @property
    def looks(self) -> bool:
        """Whether the correction network looks at whole frames; then the gate gives the distortion map, too."""
        return self.corrects and self.gate is not None

    @property
    def redoes_windows(self) -> bool:
        """Whether parts of a frame are corrected, rather than the whole of it by the map; not all of them need be."""
        return self.corrects and (self.gate is not None or self.correction_share < 1)

    @property
    def engines(self) -> dict[str, str]:
        """What computes each network that has weights, in words, by role; a distortion network as part of the gate."""
        own = [role for role in ROLES if not (self.looks and role == 'distortion')]
        roles = {role: engine_of(getattr(self, role)) for role in (*own, 'gate', 'window')}
        return {role: words for role, words in roles.items() if words}

    @property
    def engine(self) -> str:
        """What computes the networks, in words; where it is not the same for all, by role."""
        roles: dict[str, list[str]] = {}
        for role, words in self.engines.items():
            roles.setdefault(words, []).append(role)
        if len(roles) <= 1:
            return next(iter(roles), '')
        return '; '.join(f'{", ".join(names)}: {words}' for words, names in roles.items())


def load_model(config: SegmenterConfig) -> Model:
    """Build the networks that ``config`` names and load their weights.

    Raises:
        ConfigError: a setting does not fit the machine or the weights.
        WeightsError: a weights file is missing, damaged, or does not fit.
    """
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    files = [read_weights(source.strip()) for source in config.weights.split(',')]
    foreign = load_foreign_key(config, device, precision)
    if foreign is None:
        classes, looked_into = _classes(config, files), files
        names = {role: getattr(config, role) or _named(role, files) for role in ROLES}
        gate = config.gate or (NO_GATE if config.correction else _named_gate(files))
    else:
        classes = foreign.description.classes
        distortion, looked_into = distortion_for(len(classes), config, files)
        names = {'flow': config.flow or _named('flow', files), 'distortion': distortion}
        names['correction'] = foreign.correction(config)
        gate = config.gate or NO_GATE
    networks: dict[str, Any] = {
        role: _network(role, name, looked_into, len(classes))
        for role, name in names.items()
        if role != 'correction' or name not in (KEY_AGAIN, UNCORRECTED)
    }
    if names['correction'] == UNCORRECTED:
        networks['correction'] = Uncorrected()
    if gate != NO_GATE:
        networks['gate'] = Judge(networks['distortion'], _network('gate', gate, files, len(classes))).eval()
    defaults = {name: value for w in files for name, value in w.settings.items()}
    views = config.key_views or int(defaults.get('key_views', 1) if foreign is None else 1)
    scale = config.correction_scale or float(defaults.get('correction_scale', 1.0))
    scale = scale if isinstance(networks.get('correction'), KeyAgain) and gate != NO_GATE else 1.0
    checksum = _checksum(looked_into, foreign)
    coefficients = read_coefficients([file.source for file in looked_into], checksum)
    return Model(
        **_computed(networks, choose_engines(config.engine, device, precision), views, scale, foreign),
        classes=classes,
        propagation=config.propagation or defaults.get('propagation', 'step'),
        correction_gain=config.correction_gain or float(defaults.get('correction_gain', 1.0)),
        correction_share=config.correction_share or float(defaults.get('correction_share', 1.0)),
        correction_interval=config.correction_interval or int(defaults.get('correction_interval', 1)),
        correction_scale=scale,
        window_worth=config.window_worth or float(defaults.get('window_worth', WORTH)),
        align_corners=config.align_corners,
        device=device,
        precision=precision,
        name=config.weights if foreign is None else str(foreign.foreign.source),
        checksum=checksum,
        corrects=names['correction'] != UNCORRECTED,
        description=None if foreign is None else foreign.description,
        confidence=coefficients or SOFTMAX,
        calibrated=coefficients is not None,
    )


def _checksum(files: list[Weights], foreign: ForeignKeyNetwork | None) -> str:
    digest = hashlib.sha256(foreign.foreign.source.checksum().encode() if foreign else b'')
    for file in files:
        for source in (file.source, *(str(locate(model)[0]) for model in file.borrowed.values())):
            digest.update(Path(source).read_bytes())
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


def _named(role: str, files: list[Weights]) -> str:
    names = [w.networks[role] for w in files if role in w.networks]
    if not names:
        raise ConfigError(f'{role}: {files[-1].source} holds none; name a network or add a file that holds one')
    return names[-1]


def _named_gate(files: list[Weights]) -> str:
    return next((w.networks['gate'] for w in reversed(files) if 'gate' in w.networks), NO_GATE)


def _network(role: str, name: str, files: list[Weights], classes: int) -> nn.Module:
    network = build(role, name, classes).eval().requires_grad_(False)
    if network.state_dict():
        fitting = [w for w in files if w.networks.get(role) == name and role in w.states]
        if not fitting:
            raise WeightsError(f'{role}: no file in weights holds {name!r}; add one that does, separated by a comma')
        load_into(network, fitting[-1].states[role], fitting[-1].source)
    fuse(network)
    return network


def _computed(
    networks: Mapping[str, Any], engines: Engines, key_views: int, scale: float, foreign: ForeignKeyNetwork | None
) -> dict[str, Any]:
    """Return the networks as `Model` has them: computed by one of ``engines``; DIS by itself."""
    computed: dict[str, Any] = {
        role: EngineNetwork(network, engines, role) if network.state_dict() else network
        for role, network in networks.items()
    }
    key: Any = networks.get('key')
    light: Any = networks.get('correction')
    if foreign is not None:
        computed['key'] = foreign.called('key')
        window = KeyAgain(foreign.called('window'))
    elif key is not None:
        window = KeyAgain(EngineNetwork(key, engines, 'window'))
    computed.setdefault('correction', window)
    if isinstance(light, KeyAgain):  # an engine need not know that it takes no notice of what was propagated
        look = at_scale(networks['correction'].key, scale)
        computed['correction'] = KeyAgain(EngineNetwork(look, engines, 'correction'))
    if 'gate' in networks:
        computed['window'] = window
    if key_views == 2:
        inside = foreign is None and key is not None  # an engine computes both views of what can be put into another
        computed['key'] = EngineNetwork(Mirrored(key), engines, 'key') if inside else Mirrored(computed['key'])
    return computed
