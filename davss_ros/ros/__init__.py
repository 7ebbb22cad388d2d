# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""The ROS 2 side: messages in, `VideoSegmenter.step`, messages out."""
