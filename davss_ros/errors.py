# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Everything that davss_ros raises on purpose; each message names the file or parameter and the way out."""


class DavssError(Exception):
    """Base of all errors of this package."""


class ConfigError(DavssError, ValueError):
    """A setting is unknown or out of range."""


class DataError(DavssError, ValueError):
    """A file or folder of data is missing, unreadable or does not fit."""


class BrokenFileError(DataError):
    """A file of data is empty, cut off, damaged or cannot be opened; others beside it may be well."""


class WeightsError(DavssError, ValueError):
    """A weights file is missing, unsafe, damaged or made for another model."""


class FrameError(DavssError, ValueError):
    """A frame cannot be segmented: wrong type, shape or size."""


class EngineError(DavssError, RuntimeError):
    """An engine is not installed, or cannot compute a network; torch, or whichever comes next, does."""
