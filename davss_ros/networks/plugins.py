# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Networks and engines of other packages, found by entry points.

Group ``davss_ros.networks``: names ``<role>.<name>``, as ``key.mynet = mypackage:build``; ``build`` takes the number of
classes and returns a module that keeps to its role in `davss_ros.networks.interface`. Its weights are those that a file
in ``weights`` holds under that name; a module without a state needs none.

Group ``davss_ros.engines``: see `davss_ros.engines.registry`.

A plug-in that cannot be loaded is logged, listed by ``check_model --list``, and skipped.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

GROUP = 'davss_ros.networks'
ROLES = ('key', 'flow', 'distortion', 'correction', 'gate')
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plugin:
    """Something of another package.

    Attributes:
        group: of entry points.
        name: in that group.
        package: that brings it, with its version.
        target: what was loaded; None if it is broken.
        error: why it is, in one line; empty if it is not.
    """

    group: str
    name: str
    package: str
    target: Any = None
    error: str = ''


def loaded(group: str, name_fault: Callable[[str], str] | None = None) -> tuple[Plugin, ...]:
    """Return the plug-ins of ``group``, each loaded; what fails, whatever it raises, is logged and marked broken.

    Args:
        group: of entry points.
        name_fault: says of a name what is wrong with it; empty if nothing is.
    """
    return tuple(_loaded(point, name_fault(point.name) if name_fault else '') for point in entry_points(group=group))


def _loaded(point: EntryPoint, fault: str) -> Plugin:
    package = f'{point.dist.name} {point.dist.version}' if point.dist else 'an unknown package'
    try:
        if fault:
            raise ValueError(fault)
        target = point.load()
        if not callable(target):
            raise TypeError(f'expected something to call, found {type(target).__name__}')
    except (KeyboardInterrupt, SystemExit) as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return _broken(point, package, 'it ends the process when it is imported')
    except BaseException as error:  # of somebody else's code, on import
        return _broken(point, package, f'{type(error).__name__}: {" ".join(str(error).split())[:200]}')
    return Plugin(point.group, point.name, package, target)


def _broken(point: EntryPoint, package: str, reason: str) -> Plugin:
    log.warning('%s %s, of %s: broken, skipped: %s', point.group, point.name, package, reason)
    return Plugin(point.group, point.name, package, error=reason)


@cache
def network_plugins() -> tuple[Plugin, ...]:
    """Return the networks of other packages, loaded once."""
    return loaded(GROUP, _fault)


def plugin_networks(role: str) -> Mapping[str, Any]:
    """Return name -> builder of the networks of other packages that play ``role``."""
    prefix = f'{role}.'
    return {p.name.removeprefix(prefix): p.target for p in network_plugins() if p.target and p.name.startswith(prefix)}


def _fault(name: str) -> str:
    role, _, rest = name.partition('.')
    return '' if role in ROLES and rest else f'expected a name as key.mynet, of one of {", ".join(ROLES)}'
