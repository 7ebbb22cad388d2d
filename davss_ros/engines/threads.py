# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""How many threads compute: torch, OpenCV and, as they follow torch, the other engines."""

import cv2
import torch


def thread_count() -> int:
    """Return with how many threads the calling thread computes."""
    return torch.get_num_threads()


def use_threads(count: int) -> None:
    """Compute with ``count`` threads from now on, in the calling thread and in those that never computed before."""
    if thread_count() != count:
        torch.set_num_threads(count)
    if cv2.getNumThreads() != count:
        cv2.setNumThreads(count)


def threads_in_words() -> str:
    """Return how many threads compute, as descriptions of engines say it."""
    count = thread_count()
    return f'{count} thread{"s" if count > 1 else ""}'
