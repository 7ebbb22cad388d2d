# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What a training sees: views of stills, and videos with their truth."""
