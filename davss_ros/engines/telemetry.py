# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Nothing is told to anybody: OpenVINO's usage statistics stay off; imported before openvino, or it has no effect.

Unless its user has opted out, OpenVINO sends a line over the network whenever it is imported and whenever it converts a
network, from a process that it forks for that and waits for. On a robot neither is wanted. Without its package
`openvino_telemetry` it goes on without statistics, and so does NNCF. Whoever imported that package before is obeyed.
"""

import sys

PACKAGE = 'openvino_telemetry'

if PACKAGE not in sys.modules:
    sys.modules[PACKAGE] = None  # type: ignore[assignment]  # which makes its import fail, as if it were not installed
