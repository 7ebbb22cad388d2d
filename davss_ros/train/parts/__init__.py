# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What is trained: a network each, or a stage."""
