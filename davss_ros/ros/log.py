# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What the library says, in the node's log."""

import logging

from rclpy.impl.rcutils_logger import RcutilsLogger

LIBRARY = 'davss_ros'


class LogForwarder(logging.Handler):
    """Sends what this package logs to ``logger``, until closed.

    Args:
        logger: the node's.
    """

    def __init__(self, logger: RcutilsLogger) -> None:
        super().__init__(logging.INFO)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Say it at its level."""
        if record.levelno >= logging.ERROR:  # rclpy wants a call of its own for each level
            self._logger.error(record.getMessage())
        elif record.levelno >= logging.WARNING:
            self._logger.warning(record.getMessage())
        else:
            self._logger.info(record.getMessage())

    def close(self) -> None:
        """Forward nothing more."""
        logging.getLogger(LIBRARY).removeHandler(self)
        super().close()


def forward_log(logger: RcutilsLogger) -> LogForwarder:
    """Forward what this package logs, from INFO on, to ``logger``."""
    forwarder = LogForwarder(logger)
    library = logging.getLogger(LIBRARY)
    library.setLevel(logging.INFO)
    library.addHandler(forwarder)
    return forwarder
