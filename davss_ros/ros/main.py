# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""``davss_node``: the first thing that its process runs; what is heavy is imported after signals are heard."""

from davss_ros.ros.signals import run


def main(arguments: list[str] | None = None) -> int:
    """Run the node until Ctrl-C or SIGTERM, and end the process with its status."""
    run('davss_ros.ros.process', 'davss_node', arguments)
