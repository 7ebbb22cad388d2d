# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Torch modules, one architecture a file, and the registry that names them.

Which of them a model is made of, its weights file says, and the card beside it (``davss_ros/weights/*.md``).
"""
