# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Tells ament_copyright of the header of our files, a copyright and an SPDX line; it asks by entry points."""

from typing import NamedTuple


class Licence(NamedTuple):
    """What ament_copyright takes for a licence."""

    name: str
    spdx: str
    file_headers: list[str]
    license_files: list[str]
    contributing_files: list[str]


APACHE_BY_SPDX = Licence('Apache-2.0 by its SPDX line', 'Apache-2.0', ['SPDX-License-Identifier: Apache-2.0\n'], [], [])
