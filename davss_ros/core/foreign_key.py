# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""A key network of somebody else's in a model: loaded, computed by an engine, and what goes with it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from davss_ros.core.config import SegmenterConfig
from davss_ros.core.frames import street_scenes, to_tensor
from davss_ros.engines.choice import Engines, choose_engines, choose_file_engines
from davss_ros.engines.engine_network import EngineNetwork
from davss_ros.errors import ConfigError, WeightsError
from davss_ros.networks.again import OneByOne
from davss_ros.networks.foreign.crop import CropAgreement, crop_agreement
from davss_ros.networks.foreign.description import Description
from davss_ros.networks.foreign.load import Foreign, load_foreign
from davss_ros.networks.foreign.source import foreign_source
from davss_ros.networks.interface import KeyNetwork
from davss_ros.networks.registry import KEY_AGAIN, UNCORRECTED, depends_on_classes
from davss_ros.networks.weights import SHIPPED, Weights, networks_in, read_weights

ANY = 'dmnet_any'  # the distortion network for any classes
PICTURE = (360, 640)  # height and width, px, on which windows are compared with the whole
UNSAID = 'nothing says otherwise'
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ForeignKeyNetwork:
    """What `davss_ros.core.model.load_model` needs of it."""

    foreign: Foreign
    engines: Engines

    @property
    def description(self) -> Description:
        """Of the network."""
        return self.foreign.description

    def called(self, role: str) -> KeyNetwork:
        """Return the network, computed by the first engine that can."""
        network: KeyNetwork = EngineNetwork(self.foreign.network, self.engines, role)
        return OneByOne(network) if self.description.batch == 1 else network

    def correction(self, config: SegmenterConfig) -> str:
        """Return the name of the correction network: what the settings say, or what the network is good for.

        Raises:
            ConfigError: it is to redo windows, and takes frames of one size only.
        """
        size, source = self.description.size, self.foreign.source
        fixed = f'{source} takes frames of {size[1]}x{size[0]} only' if any(size) else ''
        if config.correction == KEY_AGAIN and fixed:
            raise ConfigError(f'correction: {fixed}, so it cannot redo windows; leave it empty, or set it to none')
        if config.correction:
            return config.correction
        if self.description.crop_safe:
            return KEY_AGAIN
        reason = fixed or f'{source} is not crop-safe ({self.description.sources["crop_safe"]})'
        log.warning('key: %s: correction: none, and key frames when they are needed', reason)
        return UNCORRECTED


def load_foreign_key(config: SegmenterConfig, device: torch.device, precision: torch.dtype) -> ForeignKeyNetwork | None:
    """Load the key network that ``config`` names; None if it is one of this package.

    Raises:
        ConfigError, WeightsError: as `load_foreign`; or no engine is there that reads the file.
    """
    source = foreign_source(config.key)
    if source is None:
        return None
    if source.kind in ('onnx', 'openvino'):
        engines = choose_file_engines(config.engine, device, precision, source.path)
    else:
        engines = choose_engines(config.engine, device, precision)

    def run_file(path: Path, image: Tensor) -> Sequence[Tensor]:
        *better, last = engines.candidates
        for engine in better:
            try:
                return engine.compile(path, [image])(image)
            except Exception as error:  # of the library behind it
                log.warning('key: %s fails (%s)', engine.name, ' '.join(str(error).split())[:200])
        return last.compile(path, [image])(image)

    loaded = load_foreign(
        source, run_file, classes=config.classes, description=config.key_description, options=config.key_options
    )
    key = ForeignKeyNetwork(loaded, engines)
    description = loaded.description
    if description.sources['crop_safe'] == UNSAID and not any(description.size):
        picture = to_tensor(street_scenes(PICTURE)[0], 0, device)
        try:
            agreement = crop_agreement(key.called('key'), picture)
        except Exception as error:  # of the library behind it, at a size or a number of images that it does not take
            height, width = picture.shape[2:]
            raise WeightsError(
                f'{source}: fails on {width}x{height} px or on parts of that together: '
                f'{" ".join(str(error).split())[:200]}; set size and batch: 1 in key_options if it takes no other'
            ) from error
        key = replace(key, foreign=replace(loaded, description=measured(description, agreement)))
    description = key.description
    log.info(
        'key: %s: %d classes, scores at 1/%d, %s; `check_model` shows where each value is from',
        source,
        len(description.classes),
        description.stride,
        'one size' if any(description.size) else f'sides of multiples of {description.multiple}',
    )
    return key


def measured(description: Description, agreement: CropAgreement, picture: str = 'a street') -> Description:
    """Return the description with what windows showed."""
    source = f'windows of {picture}: scores alike by {agreement.likeness:.2f}'
    return replace(description, crop_safe=agreement.safe, sources={**description.sources, 'crop_safe': source})


def distortion_for(classes: int, config: SegmenterConfig, files: Sequence[Weights]) -> tuple[str, list[Weights]]:
    """Return the distortion network for a key network of that many classes, and the weights files to look into.

    Raises:
        ConfigError: none of them holds one that fits.
    """
    named = [w for w in files if 'distortion' in w.networks]
    name = config.distortion or (named[-1].networks['distortion'] if named else ANY)
    of_classes = depends_on_classes('distortion', name)
    if config.distortion and of_classes and all(w.class_count != classes for w in named):
        raise ConfigError(
            f'distortion: {name!r} was trained for other classes than these {classes}; leave it empty for {ANY}'
        )
    if name != ANY and (config.distortion or not of_classes):  # of other classes, though as many, only if asked for
        return name, list(files)
    holding = [w for w in files if w.networks.get('distortion') == ANY]
    if not holding:
        shipped = [path for path in sorted(SHIPPED.glob('*.safetensors')) if networks_in(path).get('distortion') == ANY]
        holding = [read_weights(path.stem) for path in shipped[:1]]
    if not holding:
        raise ConfigError(
            f'distortion: no file in weights holds one for {classes} classes; add one that holds {ANY}, which knows '
            'no classes'
        )
    return ANY, [*files, *holding]
