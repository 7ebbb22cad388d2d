# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Lets the tests import `bag_forms`, which lies beside this file."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
