# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Choosing a model's settings by data that neither trained it nor reports on it."""
