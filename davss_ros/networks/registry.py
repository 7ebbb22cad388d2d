# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Every network by name; a new one is added here and nowhere else, or by another package, see `plugins`.

A network is built from the number of classes; those that have none pass over it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from davss_ros.errors import ConfigError
from davss_ros.networks.again import KeyAgain
from davss_ros.networks.cfnet import CFNet
from davss_ros.networks.cfnet_context import CFNetContext
from davss_ros.networks.cfnet_lite import CFNetLite
from davss_ros.networks.deeplab import DeepLabV3Plus
from davss_ros.networks.deeplab_fine import DeepLabFine
from davss_ros.networks.deeplab_lite import DeepLabLite
from davss_ros.networks.dis import DisFlow
from davss_ros.networks.dmnet import DMNet
from davss_ros.networks.dmnet_any import DMNetAny
from davss_ros.networks.dmnet_lite import DMNetLite
from davss_ros.networks.flownets import FlowNetS
from davss_ros.networks.gate_any import GateAny
from davss_ros.networks.plugins import network_plugins, plugin_networks

ROLES = ('key', 'flow', 'distortion', 'correction')
OPTIONAL_ROLES = ('gate',)  # what a model may do without
KEY_AGAIN = 'key'  # the correction network that is the key network; not built, see `davss_ros.networks.again`
UNCORRECTED = 'none'  # no correction; likewise

_Build = Callable[[int], nn.Module]  # number of classes -> network

NETWORKS: Mapping[str, Mapping[str, _Build]] = {
    'key': {
        'deeplabv3plus': DeepLabV3Plus,
        'deeplab_lite0': lambda classes: DeepLabLite(classes, 'efficientnet_lite0'),
        'deeplab_lite1': lambda classes: DeepLabLite(classes, 'efficientnet_lite1'),
        'deeplab_lite2': lambda classes: DeepLabLite(classes, 'efficientnet_lite2'),
        'deeplab_fine1': lambda classes: DeepLabFine(classes, 'efficientnet_lite1'),
        'deeplab_fine2': lambda classes: DeepLabFine(classes, 'efficientnet_lite2'),
    },
    'flow': {
        'dis': lambda _: DisFlow(),
        'dis_even': lambda _: DisFlow('even'),
        'dis_coarse': lambda _: DisFlow('coarse'),
        'dis_medium': lambda _: DisFlow('medium'),
        'dis_fast': lambda _: DisFlow('fast'),
        'dis_ultrafast': lambda _: DisFlow('ultrafast'),
        'flownets': lambda _: FlowNetS(),
    },
    'distortion': {
        'dmnet': lambda _: DMNet(),
        'dmnet_lite': DMNetLite,
        'dmnet_any': lambda _: DMNetAny(),
    },
    'correction': {
        'cfnet': CFNet,
        'cfnet_lite': CFNetLite,
        'cfnet_context': CFNetContext,
        'deeplab_lite0': lambda classes: KeyAgain(DeepLabLite(classes, 'efficientnet_lite0')),
        'deeplab_lite1': lambda classes: KeyAgain(DeepLabLite(classes, 'efficientnet_lite1')),
    },
    'gate': {
        'gate_any': lambda _: GateAny(),
    },
}


def build(role: str, name: str, classes: int) -> nn.Module:
    """Return a new network with random weights.

    Args:
        role: one of `ROLES` or `OPTIONAL_ROLES`.
        name: a key of ``NETWORKS[role]``.
        classes: number of classes.

    Raises:
        ConfigError: no network of that name.
    """
    networks: Mapping[str, Any] = {**plugin_networks(role), **NETWORKS[role]}
    if name not in networks:
        names = sorted([*networks, KEY_AGAIN, UNCORRECTED] if role == 'correction' else networks)
        broken = [p for p in network_plugins() if p.name == f'{role}.{name}' and p.error]
        reason = f'; that of {broken[0].package} is broken: {broken[0].error}' if broken else ''
        raise ConfigError(f'{role}: expected one of {", ".join(names)}, found {name!r}{reason}')
    if name in NETWORKS[role]:
        return networks[name](classes)
    try:
        network = networks[name](classes)
    except Exception as error:  # of somebody else's code
        raise ConfigError(f'{role}: {name!r} of another package fails: {type(error).__name__}: {error}') from error
    if not isinstance(network, nn.Module):
        raise ConfigError(f'{role}: {name!r} of another package gives a {type(network).__name__}, no torch module')
    return network


def depends_on_classes(role: str, name: str) -> bool:
    """Return whether the parameters of a network have other shapes with another number of classes."""
    states = [build(role, name, classes).state_dict() for classes in (2, 3)]
    return any(value.shape != states[1][key].shape for key, value in states[0].items())
