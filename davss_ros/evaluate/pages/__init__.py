# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Pages and charts of reports: one look for all, each page one file that opens without a network."""
