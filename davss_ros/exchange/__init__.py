# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Networks in and out: looking at one of somebody else's, tuning to a video, exporting ours."""
