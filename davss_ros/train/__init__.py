# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Training of every part of a model, by recipe."""
