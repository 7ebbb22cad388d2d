# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Frames with their times, out of a video, a folder or a bag."""
