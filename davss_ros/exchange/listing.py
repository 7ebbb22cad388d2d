# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Networks and engines by name, those of other packages among them."""

from davss_ros.engines.registry import ENGINES, engine_plugins
from davss_ros.networks.plugins import Plugin, network_plugins
from davss_ros.networks.registry import NETWORKS


def listing() -> list[str]:
    """Return lines: every network by role, every engine, and what other packages bring, broken ones with the reason."""
    lines = [f'{role}: {", ".join(names)}' for role, names in NETWORKS.items()]
    lines.append(f'engine: {", ".join(ENGINES)}')
    for plugin in (*network_plugins(), *engine_plugins()):
        lines.append(plugin_line(plugin))
    return lines


def plugin_line(plugin: Plugin) -> str:
    """Return a plug-in in words."""
    state = f'broken, skipped: {plugin.error}' if plugin.error else 'usable'
    return f'{plugin.group} {plugin.name}, of {plugin.package}: {state}'
