# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Recordings through the node's own step: numbers and pictures, the same every time."""
