# Copyright 2026 davss_ros developers
# SPDX-License-Identifier: Apache-2.0

"""Keep freed memory in the process, but for what only a start needed.

glibc returns every large block to the kernel when it is freed, so each new feature map is paid for in page faults: on
the CPU a key frame takes 1.5 to 2 times as long (`python -m davss_ros benchmark` measures both).
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # malloc.h
_LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc to reuse freed blocks; an executable calls it once, first. Return False where there is no glibc."""
    if not sys.platform.startswith('linux'):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return False
    return all(
        mallopt(option, value) == 1
        for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, _LARGEST), (M_TOP_PAD, 64 * 2**20))
    )


def return_freed_memory() -> bool:
    """Give the kernel what is free at the moment, as after networks were compiled; False where there is no glibc."""
    if not sys.platform.startswith('linux'):
        return False
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        return False
    return True
