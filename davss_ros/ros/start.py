# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The start of ROS in a process, with every fault told in one line."""

import argparse
import os
import re
from collections.abc import Sequence

import rclpy
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

from davss_ros.errors import ConfigError

DOMAINS = 232  # the highest domain id whose ports exist


def start_ros(name: str, arguments: Sequence[str]) -> None:
    """Initialise rclpy, without its signal handlers: `davss_ros.ros.signals` has better ones.

    Raises:
        ConfigError: ROS refuses its arguments, or something of the environment.
    """
    domain = os.environ.get('ROS_DOMAIN_ID', '').strip()
    if domain and not (domain.isdecimal() and int(domain) <= DOMAINS):
        raise ConfigError(f'ROS_DOMAIN_ID: expected 0 to {DOMAINS}, found {domain!r}')  # Fast DDS would abort
    if not any(map(os.environ.get, ('HOME', 'ROS_HOME', 'ROS_LOG_DIR'))):
        raise ConfigError('HOME: not set, so ROS has no folder for its log; set it, or ROS_LOG_DIR')
    try:
        rclpy.init(args=[name, *arguments], signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:  # RCLError and others that rclpy has no common name for
        hint = '; set ROS_LOG_DIR to a folder that can be written to' if 'logging' in str(error) else ''
        raise ConfigError(f'ROS does not start: {_brief(error)}{hint}') from error


def plain_arguments(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options among ``arguments`` that are not ROS's; unknown ones end the process, as argparse does.

    Raises:
        ConfigError: those after ``--ros-args`` are not as they should be.
    """
    try:
        own = remove_ros_args([parser.prog, *arguments])[1:]
    except Exception as error:
        raise ConfigError(f'after --ros-args: {_brief(error)}') from error
    return parser.parse_args(own)


def _brief(error: Exception) -> str:
    """Return the message in one line, without the places in rcl's sources."""
    return re.sub(r', at \S+:\d+', '', ' '.join(str(error).split()))
