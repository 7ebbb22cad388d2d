# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""What computes, and what that needs of the machine."""
